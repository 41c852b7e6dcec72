// The circle method of tournaments: the last member stays, the others walk around it. Tested by
// cli_doctor_placement_test.cc.

#include "cli/doctor_pairs.h"

namespace tutti::cli::doctor {
namespace {

int even(int members) { return members + members % 2; }

}  // namespace

int rounds_of(int members) { return members < 2 ? 0 : even(members) - 1; }

int partner_of(int member, int round, int members) {
  const int last = even(members) - 1;  // nobody, where members are odd
  const int places = last;
  int partner = 0;
  if (member == last) {
    // The one place that is opposite to itself: twice it is the round.
    partner = round % 2 == 0 ? round / 2 : (round + places) / 2;
  } else {
    partner = ((round - member) % places + places) % places;
    if (partner == member) partner = last;
  }
  return partner < members ? partner : -1;
}

}  // namespace tutti::cli::doctor
