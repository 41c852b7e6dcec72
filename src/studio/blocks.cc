// Tested by import_test.cc.

#include "studio/blocks.h"

namespace tutti {

std::string place_of(const Block& block, const BlockWork& work) {
  return "gpu " + std::to_string(block.gpu) + ", thread block " + std::to_string(block.id) +
         ", step " + std::to_string(work.step);
}

std::string name_of(const Cell& cell) {
  const char letter = cell.space == Space::kInput ? 'i' : cell.space == Space::kOutput ? 'o' : 's';
  return std::string(1, letter) + "[" + std::to_string(cell.index) + "] of gpu " +
         std::to_string(cell.gpu);
}

}  // namespace tutti
