// Algorithms of others: MSCCL's XML files and MSCCL++'s execution plans, as schedules that are
// proved like our own before anything else is done with them.
//
// What both have and a schedule has not is thread blocks that run at once inside a GPU. They are
// checked for races and put into one order (block_races.h, interleave.h, lower_blocks.h); the
// schedule that results is then given to verify().
//
// Tested by import_test.cc.

#pragma once

#include <string>
#include <string_view>

#include "schedule/schedule.h"
#include "studio/blocks.h"
#include "tutti/status.h"

namespace tutti {

struct Imported {
  std::string name;
  Schedule schedule;
  bool in_place = false;  // proved for input and output that are the same memory, too
};

/// Of either format. kInvalidArgument names the file, where in it and what was expected, or why the
/// algorithm is wrong; kNotSupported names what it uses that schedules have not.
Result<Imported> import_schedule(const std::string& path);

/// The parts of it: a file's text to thread blocks …
Result<BlockProgram> parse_msccl(std::string_view text, const std::string& file);
Result<BlockProgram> parse_mscclpp(std::string_view text, const std::string& file);
/// … and these to a schedule. `file` is what errors name.
Result<Imported> prove(const BlockProgram& program, const std::string& file);

}  // namespace tutti
