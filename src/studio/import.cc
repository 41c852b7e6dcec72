#include "studio/import.h"

#include <fstream>
#include <sstream>

#include "studio/block_races.h"
#include "studio/import_collective.h"
#include "studio/interleave.h"
#include "studio/lower_blocks.h"

namespace tutti {
namespace {

Status wrong(const std::string& file, const std::string& why) {
  return {Code::kInvalidArgument, file + ": " + why};
}

// With puts that send their sources themselves where that can be proved, else copies of them.
Result<Schedule> lower(const BlockProgram& program, const std::vector<Turn>& order) {
  Status why;
  for (const bool copied : {false, true}) {
    Result<Schedule> schedule = lower_blocks(program, order, copied);
    if (!schedule.ok()) return schedule;
    const std::string proof = verify(*schedule);
    if (proof.empty()) return schedule;
    why = {Code::kInvalidArgument, "the algorithm is wrong: " + proof};
  }
  return why;
}

// Before anything is made of it: files may ask for more memory than there is.
bool is_too_large(const BlockProgram& program) {
  std::size_t works = 0;
  for (const Block& block : program.blocks) works += block.works.size();
  return works > kMostImportedWorks || program.cells() > kMostImportedCells;
}

}  // namespace

Result<Imported> prove(const BlockProgram& program, const std::string& file) {
  if (is_too_large(program)) {
    return wrong(file,
                 "is too large: expected at most 4 million chunks of all GPUs' memory, and as "
                 "many moves of a chunk");
  }
  const Result<std::vector<Turn>> order = interleave(program);
  if (!order.ok()) return wrong(file, order.status().message());
  if (const std::string race = find_block_race(program, *order); !race.empty()) {
    return wrong(file, race);
  }
  Result<Schedule> schedule = lower(program, *order);
  if (!schedule.ok()) return wrong(file, schedule.status().message());
  const bool in_place = verify(*schedule, Placement::kInPlace).empty();
  return Imported{program.name, std::move(*schedule), in_place};
}

Result<Imported> import_schedule(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) return wrong(path, "cannot be read: expected a file of MSCCL or MSCCL++");
  const std::string text = content.str();
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const char begins = first == std::string::npos ? '\0' : text[first];
  if (begins != '<' && begins != '{') {
    return wrong(path, "expected MSCCL's XML, which begins with <, or MSCCL++'s JSON, with {");
  }
  const Result<BlockProgram> program =
      begins == '<' ? parse_msccl(text, path) : parse_mscclpp(text, path);
  if (!program.ok()) return program.status();
  return prove(*program, path);
}

}  // namespace tutti
