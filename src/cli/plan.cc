// Tested by cli_command_test.py.

#include "cli/plan.h"

#include <fmt/format.h>

#include "cli/plan_answer.h"
#include "cli/plan_inputs.h"
#include "cli/plan_json.h"
#include "cli/plan_measure.h"
#include "cli/plan_options.h"
#include "cli/plan_report.h"
#include "cli/topo_picture.h"

namespace tutti::cli {
namespace {

int fail(const Status& status) {
  fmt::print(stderr, "tutti plan: {}\n", status.message());
  return status.code() == Code::kInvalidArgument ? 2 : 1;
}

template <class Answer>
Status show(const PlanOptions& options, const Answer& answer) {
  Status status;
  if (!options.front_file.empty()) {
    status = write_file("--draw", options.front_file,
                        planner::front_to_svg(answer.problem, answer.ranking));
  }
  if (status.ok() && !options.times_file.empty()) {
    status = write_file("--draw-time", options.times_file,
                        planner::times_to_svg(answer.problem, answer.ranking.best));
  }
  if (!status.ok()) return status;
  if (options.json_file == "-") {
    fmt::print("{}", plan_json(answer));
    return {};
  }
  fmt::print("{}", plan_text(answer));
  if (options.json_file.empty()) return {};
  return write_file("--json", options.json_file, plan_json(answer));
}

// 1 where nothing fits: a script that asks for a layout gets none.
template <class Answer>
int finish(const PlanOptions& options, const Result<Answer>& answer) {
  if (!answer.ok()) return fail(answer.status());
  if (const Status status = show(options, *answer); !status.ok()) return fail(status);
  return answer->ranking.best.empty() ? 1 : 0;
}

}  // namespace

int plan_main(std::vector<std::string> arguments) {
  const auto line = parse_plan(std::move(arguments));
  if (!line.ok()) return fail(line.status());
  if (!line->help.empty()) {
    fmt::print("{}", line->help);
    return 0;
  }
  const PlanOptions& options = line->options;
  const auto model = plan_model(options.model);
  if (!model.ok()) return fail(model.status());
  const auto machine = plan_machine(options);
  if (!machine.ok()) return fail(machine.status());
  if (options.inference) {
    return finish(options, plan_inference({*model, *machine, options.inference_job},
                                          options.inference_search));
  }
  auto answer = plan_training({*model, *machine, options.job}, options.search);
  if (answer.ok() && options.measure > 0) {
    if (const Status status = measure_plans(options, *answer); !status.ok()) return fail(status);
  }
  return finish(options, answer);
}

}  // namespace tutti::cli
