#include "nccl/group.h"

#include <algorithm>
#include <thread>

#include "nccl/errors.h"
#include "nccl/function.h"

namespace tutti::nccl {
namespace {

// The first failure, or whether something goes on.
ncclResult_t run_jobs(std::vector<Job>& jobs) {
  std::vector<Status> answers(jobs.size());
  std::vector<std::thread> waited_for;
  bool goes_on = false;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!jobs[i].blocking) {
      // Ends by its own deadline; what it works on is shared with it.
      std::thread(std::move(jobs[i].work)).detach();
      goes_on = true;
    } else if (jobs.size() == 1) {
      answers[i] = jobs[i].work();
    } else {
      waited_for.emplace_back([&, i] { answers[i] = jobs[i].work(); });
    }
  }
  for (std::thread& thread : waited_for) thread.join();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!answers[i].ok()) return answer(jobs[i].function, answers[i]);
  }
  return goes_on ? ncclInProgress : ncclSuccess;
}

Status run_alone(Comm& comm, std::span<const Call> calls, void* stream) {
  if (comm.is_on_device()) return comm.enqueue(calls, stream);
  return comm.settings().blocking ? comm.run(calls) : comm.start(calls);
}

bool goes_on(Comm& comm) { return !comm.settings().blocking && comm.state() == ncclInProgress; }

// All have begun when the first is waited for. Those that have begun are waited for in any case.
Status run_together(const std::vector<CallsOfComm>& parts) {
  Status first;
  const auto note = [&first](Status status) {
    if (first.ok()) first = std::move(status);
  };
  for (const CallsOfComm& part : parts) {
    if (part.comm->is_on_device()) note(part.comm->enqueue(part.calls, part.stream));
    if (!part.comm->is_on_device()) note(part.comm->start(part.calls));
  }
  for (const CallsOfComm& part : parts) {
    if (part.comm->settings().blocking) note(part.comm->finish());
  }
  return first;
}

ncclResult_t run_calls(const std::vector<CheckedCall>& calls) {
  const Result<std::vector<CallsOfComm>> parts = by_comm(calls);
  if (!parts.ok()) return answer("ncclGroupEnd", parts.status());
  if (parts->empty()) return ncclSuccess;
  for (const CallsOfComm& part : *parts) {
    // Destroyed, aborted or busy since the call was made.
    if (Status status = part.comm->ready(); !status.ok()) return answer("ncclGroupEnd", status);
  }
  const CallsOfComm& first = parts->front();
  Status status =
      parts->size() == 1 ? run_alone(*first.comm, first.calls, first.stream) : run_together(*parts);
  if (!status.ok()) return answer("ncclGroupEnd", status);
  return std::any_of(parts->begin(), parts->end(), [](auto& part) { return goes_on(*part.comm); })
             ? ncclInProgress
             : ncclSuccess;
}

Status no_group() { return {Code::kNotSupported, "no group: expected ncclGroupStart before"}; }

}  // namespace

Group& group() {
  thread_local Group of_thread;
  return of_thread;
}

Result<std::vector<CallsOfComm>> by_comm(const std::vector<CheckedCall>& calls) {
  std::vector<CallsOfComm> parts;
  for (const CheckedCall& checked : calls) {
    auto part = std::find_if(parts.begin(), parts.end(),
                             [&](const CallsOfComm& p) { return p.comm == checked.comm; });
    if (part == parts.end()) part = parts.insert(parts.end(), {checked.comm, {}, checked.stream});
    if (part->stream != checked.stream && checked.comm->is_on_device()) {
      return {Code::kNotSupported,
              "stream differs between calls of a group on one communicator: expected one stream"};
    }
    part->calls.push_back(checked.complete());
  }
  return parts;
}

ncclResult_t Group::refuse(const char* function, const Status& status) {
  const ncclResult_t code = answer(function, status);
  if (is_open() && contents_.wrong == ncclSuccess) contents_.wrong = code;
  return code;
}

ncclResult_t Group::add(const char* function, Result<CheckedCall> checked) {
  if (!checked.ok()) return refuse(function, checked.status());
  if (is_open()) {
    contents_.calls.push_back(std::move(*checked));
    return ncclSuccess;
  }
  const Call call = checked->complete();
  const Status status = run_alone(*checked->comm, {&call, 1}, checked->stream);
  if (!status.ok()) return answer(function, status);
  return goes_on(*checked->comm) ? ncclInProgress : ncclSuccess;
}

ncclResult_t Group::add(Job job) {
  contents_.jobs.push_back(std::move(job));
  return is_open() ? ncclSuccess : run();
}

ncclResult_t Group::end() {
  if (!is_open()) return answer("ncclGroupEnd", no_group());
  return --depth_ > 0 ? ncclSuccess : run();
}

ncclResult_t Group::run() {
  Contents contents = take();
  if (contents.wrong != ncclSuccess) {
    for (const Job& job : contents.jobs) job.drop();
    return contents.wrong;
  }
  const ncclResult_t of_jobs = run_jobs(contents.jobs);
  if (of_jobs != ncclSuccess && of_jobs != ncclInProgress) return of_jobs;
  const ncclResult_t of_calls = run_calls(contents.calls);
  return of_calls == ncclSuccess ? of_jobs : of_calls;
}

Status Group::simulate(float& microseconds) {
  if (!is_open()) return no_group();
  if (--depth_ > 0) return {};
  const Contents contents = take();
  for (const Job& job : contents.jobs) job.drop();
  if (!contents.jobs.empty() || contents.wrong != ncclSuccess) {
    return {Code::kNotSupported, "the group holds more than good calls: expected only those"};
  }
  if (contents.calls.empty()) return {};
  const Result<double> seconds = estimate_seconds(contents.calls);
  if (seconds.ok()) microseconds = static_cast<float>(*seconds * 1e6);
  return seconds.status();
}

}  // namespace tutti::nccl

using namespace tutti;
using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclGroupStart, (void)) {
  group().begin();
  return ncclSuccess;
}

NCCL_FUNCTION(ncclResult_t, ncclGroupEnd, (void)) { return group().end(); }
