// What kernels of NCCL's users would call, and its preparation: not supported. NCCL compiles the
// layout of its memory into its users' kernels, another one in every minor version.
//
// Tested by nccl_arguments_test.cc.

#include "nccl/errors.h"
#include "nccl/function.h"

namespace {

ncclResult_t refuse(const char* function) {
  return tutti::nccl::answer(function,
                             {tutti::Code::kNotSupported, "the device API is not supported"});
}

ncclTeam_t no_team(const char* function) {
  (void)refuse(function);
  return {0, 0, 0};
}

int no_rank(const char* function) {
  (void)refuse(function);
  return -1;
}

}  // namespace

NCCL_FUNCTION(ncclResult_t, ncclDevCommCreate,
              (ncclComm_t, const ncclDevCommRequirements*, ncclDevComm*)) {
  return refuse("ncclDevCommCreate");
}

NCCL_FUNCTION(ncclResult_t, ncclDevCommDestroy, (ncclComm_t, const ncclDevComm*)) {
  return refuse("ncclDevCommDestroy");
}

NCCL_FUNCTION(ncclTeam_t, ncclTeamWorld, (ncclComm_t)) { return no_team("ncclTeamWorld"); }

NCCL_FUNCTION(ncclTeam_t, ncclTeamLsa, (ncclComm_t)) { return no_team("ncclTeamLsa"); }

NCCL_FUNCTION(ncclTeam_t, ncclTeamRail, (ncclComm_t)) { return no_team("ncclTeamRail"); }

NCCL_FUNCTION(int, ncclTeamRankToWorld, (ncclComm_t, ncclTeam_t, int)) {
  return no_rank("ncclTeamRankToWorld");
}

NCCL_FUNCTION(int, ncclTeamRankToLsa, (ncclComm_t, ncclTeam_t, int)) {
  return no_rank("ncclTeamRankToLsa");
}

NCCL_FUNCTION(ncclResult_t, ncclLsaBarrierCreateRequirement,
              (ncclTeam_t, int, ncclLsaBarrierHandle*, ncclDevResourceRequirements*)) {
  return refuse("ncclLsaBarrierCreateRequirement");
}

NCCL_FUNCTION(ncclResult_t, ncclGinBarrierCreateRequirement,
              (ncclComm_t, ncclTeam_t, int, ncclGinBarrierHandle*, ncclDevResourceRequirements*)) {
  return refuse("ncclGinBarrierCreateRequirement");
}

NCCL_FUNCTION(int, ncclLLA2ACalcSlots, (int, int)) {
  (void)refuse("ncclLLA2ACalcSlots");
  return 0;
}

NCCL_FUNCTION(ncclResult_t, ncclLLA2ACreateRequirement,
              (int, int, ncclLLA2AHandle*, ncclDevResourceRequirements*)) {
  return refuse("ncclLLA2ACreateRequirement");
}
