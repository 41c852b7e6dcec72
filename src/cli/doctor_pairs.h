// Who meets whom, so that all pairs of some members meet in as few rounds as can be. Pure. Tested
// by cli_doctor_placement_test.cc.

#pragma once

namespace tutti::cli::doctor {

/// Rounds in which every member meets every other once.
int rounds_of(int members);

/// Whom a member meets in a round, or -1: nobody. If a meets b, then b meets a.
int partner_of(int member, int round, int members);

}  // namespace tutti::cli::doctor
