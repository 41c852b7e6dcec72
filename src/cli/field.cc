// Tested by cli_command_test.py.

#include "cli/field.h"

#include <fmt/format.h>

#include "cli/machine.h"
#include "cli/placement.h"
#include "tutti/algorithms.h"

namespace tutti::cli {
namespace {

// Those that take such hosts. What cannot run there for other reasons is left out when it is tried.
std::vector<std::string> algorithms_of(Session& session, Collective collective) {
  return algorithm_names(collective, session.control().formation().host_of);
}

// What to force, one entry a communicator; "" lets the library choose.
std::vector<std::string> forced(const FieldRequest& request, Collective collective) {
  if (!request.options.each_algorithm) return {request.options.algorithm};
  std::vector<std::string> names;
  for (const std::string& algorithm : algorithms_of(request.session, collective)) {
    names.push_back(fmt::format("{}:{}", name(collective), algorithm));
  }
  // send_recv is no schedule of the catalog.
  if (names.empty()) names.emplace_back();
  return names;
}

Status check_memory(const FieldRequest& request, std::size_t bytes) {
  const int rank = request.session.rank();
  const int beside = ranks_beside(request.places, rank);
  const std::uint64_t needed = bytes * static_cast<std::size_t>(beside);
  const std::uint64_t available = available_memory();
  if (available == 0 || needed <= available) return {};
  constexpr double kGiB = 1 << 30;
  return {Code::kInvalidArgument,
          fmt::format("-e {}: {} ranks on {} need {:.1f} GiB for buffers; {:.1f} GiB are free",
                      short_bytes(request.options.sizes.end), beside,
                      request.places[static_cast<std::size_t>(rank)].host,
                      static_cast<double>(needed) / kGiB, static_cast<double>(available) / kGiB)};
}

}  // namespace

Result<std::unique_ptr<Field>> Field::make(const FieldRequest& request, Collective collective,
                                           std::size_t bytes) {
  Session& session = request.session;
  const std::size_t area = area_bytes(request.options, bytes);
  const auto algorithms = forced(request, collective);
  const bool shared = request.options.memory == BufferMemory::kPlain;
  const std::size_t sets = shared ? 1 : algorithms.size() + (request.vs != nullptr ? 1 : 0);
  Status status = session.agree(check_memory(request, 2 * sets * area));

  auto field = std::make_unique<Field>();
  for (const std::string& algorithm : algorithms) {
    if (status.ok()) status = session.agree(field->enter_tutti(request, algorithm, area));
  }
  if (status.ok() && request.vs != nullptr) {
    status = session.agree(field->enter_vs(request, area));
  }
  if (!status.ok()) return status;
  return field;
}

Status Field::enter_tutti(const FieldRequest& request, const std::string& algorithm,
                          std::size_t area) {
  Communicator* communicator = &request.session.control();
  if (!algorithm.empty() || request.gpu != nullptr) {
    Options options = request.library_options;
    options.algorithm = algorithm;
    auto opened = request.session.open(options);
    if (!opened.ok()) return opened.status();
    communicators_.push_back(std::make_unique<Communicator>(std::move(*opened)));
    communicator = communicators_.back().get();
  }
  const BufferMemory kind = request.options.memory;
  if (kind != BufferMemory::kPlain || buffers_.empty()) {
    const Status status = add_buffers(kind, *communicator, request.gpu, area);
    if (!status.ok()) return status;
  }
  contenders_.push_back(request.gpu == nullptr
                            ? make_tutti_contender(*communicator)
                            : make_gpu_contender(*communicator, *request.gpu, request.options,
                                                 request.library_options.call_timeout));
  entrants_.push_back({contenders_.back().get(), buffers_.back().get()});
  return {};
}

// On plain memory always: what others get who do not use our allocator.
Status Field::enter_vs(const FieldRequest& request, std::size_t area) {
  if (request.options.memory != BufferMemory::kPlain) {
    const Status status =
        add_buffers(BufferMemory::kPlain, request.session.control(), nullptr, area);
    if (!status.ok()) return status;
  }
  contenders_.push_back(make_vs_contender(*request.vs));
  entrants_.push_back({contenders_.back().get(), buffers_.back().get()});
  return {};
}

Status Field::add_buffers(BufferMemory kind, Communicator& communicator, GpuBench* gpu,
                          std::size_t area) {
  auto buffers = Buffers::make(kind, communicator, gpu, area);
  if (!buffers.ok()) return buffers.status();
  buffers_.push_back(std::move(*buffers));
  return {};
}

}  // namespace tutti::cli
