#include "cli/plan_json.h"

#include <nlohmann/json.hpp>

#include "cli/plan_reasons.h"

namespace tutti::cli {
namespace {

using Json = nlohmann::ordered_json;  // keys in the order written

Json json_of(const std::vector<planner::Part>& parts) {
  Json object = Json::object();
  for (const planner::Part& part : parts) object[std::string(part.name)] = part.value;
  return object;
}

Json json_of(const planner::ModelShape& model) {
  return {{"name", model.name},
          {"parameters", parameters(model)},
          {"layers", model.layers()},
          {"width", model.width},
          {"vocabulary", model.vocabulary}};
}

Json json_of(const planner::MachineShape& machine) {
  Json all = Json::object();
  for (const planner::Figure& figure : figures(machine)) {
    all[figure.name] = {{"value", figure.value}, {"unit", figure.unit}};
  }
  return {{"name", machine.name}, {"figures", all}};
}

Json json_of(const planner::Layout& l) {
  Json order = Json::array();
  for (const planner::Dimension dimension : l.order) order.push_back(name(dimension));
  return {{"dp", l.dp},
          {"pp", l.pp},
          {"cp", l.cp},
          {"tp", l.tp},
          {"zero", l.zero},
          {"micro_batch", l.micro_batch},
          {"recompute", name(l.recomputation)},
          {"sequence_parallel", l.sequence_parallel},
          {"pipeline", name(l.pipeline)},
          {"chunks", l.chunks},
          {"order", order}};
}

Json json_of(const planner::Plan& plan) {
  const planner::Estimate& e = plan.estimate;
  return {{"layout", json_of(plan.layout)},
          {"step", e.times.step()},
          {"times", json_of(parts(e.times))},
          {"memory", e.memory.total()},
          {"memory_by_kind", json_of(parts(e.memory))},
          {"sent",
           {{"tensor", e.volumes.tensor},
            {"context", e.volumes.context},
            {"pipeline", e.volumes.pipeline},
            {"data", e.volumes.data}}},
          {"fits", e.fits},
          {"tokens_per_second", e.tokens_per_second},
          {"mfu", e.mfu},
          {"watts", e.watts},
          {"joules_per_token", e.joules_per_token},
          {"energy", "predicted"}};
}

Json json_of(const planner::InferencePlan& plan) {
  const planner::InferenceEstimate& e = plan.estimate;
  const planner::Layout& l = plan.layout;
  return {{"layout",
           {{"dp", l.dp}, {"pp", l.pp}, {"cp", l.cp}, {"tp", l.tp}, {"sequences", l.micro_batch}}},
          {"first_token", e.prefill.total()},
          {"prefill_times", json_of(parts(e.prefill))},
          {"token", e.decode.total()},
          {"decode_times", json_of(parts(e.decode))},
          {"memory", e.memory.total()},
          {"memory_by_kind", json_of(parts(e.memory))},
          {"fits", e.fits},
          {"prefill_tokens_per_second", e.prefill_tokens_per_second},
          {"decode_tokens_per_second", e.decode_tokens_per_second},
          {"tokens_per_second", e.tokens_per_second},
          {"requests_per_second", e.requests_per_second},
          {"joules_per_token", e.joules_per_token},
          {"energy", "predicted"}};
}

template <class Thing>
Json json_of(const std::optional<Thing>& thing) {
  return thing ? json_of(*thing) : Json();
}

Json json_of(const planner::Rival& rival) {
  return {{"change", rival.change},
          {"best", json_of(rival.best)},
          {"smallest", json_of(rival.smallest)},
          {"objection", rival.objection.empty() ? Json() : Json(rival.objection)}};
}

Json json_of(const planner::Remedy& remedy) {
  return {{"change", remedy.change}, {"plan", json_of(remedy.plan)}};
}
Json json_of(const planner::InferenceRemedy& remedy) {
  return {{"change", remedy.change}, {"plan", json_of(remedy.plan)}};
}

Json json_of(const MeasuredPlan& one) {
  return {{"layout", json_of(one.plan.layout)},
          {"step", one.seconds},
          {"predicted_step", one.plan.estimate.times.step()},
          {"memory", one.memory},
          {"predicted_memory", one.plan.estimate.memory.total()},
          {"joules_per_token", one.joules_per_token ? Json(*one.joules_per_token) : Json()},
          {"energy", "measured"}};
}

template <class Thing>
Json list_of(const std::vector<Thing>& things) {
  Json list = Json::array();
  for (const Thing& thing : things) list.push_back(json_of(thing));
  return list;
}

template <class WhatIf>
Json json_of_what_ifs(const std::vector<WhatIf>& answers) {
  Json list = Json::array();
  for (const WhatIf& other : answers) {
    list.push_back({{"change", other.change}, {"best", json_of(other.best)}});
  }
  return list;
}

Json document(const char* of, const planner::ModelShape& model,
              const planner::MachineShape& machine) {
  return {{"tutti", TUTTI_VERSION},
          {"plan", of},
          {"model", json_of(model)},
          {"machine", json_of(machine)}};
}

}  // namespace

std::string plan_json(const PlanAnswer& answer) {
  const planner::Job& job = answer.problem.job;
  const planner::Ranking& ranking = answer.ranking;
  Json all = document("training", answer.problem.model, answer.problem.machine);
  all.update({{"job",
               {{"sequence", job.sequence},
                {"batch_tokens", job.batch_tokens},
                {"precision", name(job.precision)},
                {"optimizer", name(job.optimizer)}}},
              {"ranked_by", name(answer.settings.goal)},
              {"layouts", ranking.layouts},
              {"too_large", ranking.too_large},
              {"search_seconds", answer.seconds},
              {"best", list_of(ranking.best)},
              {"front", list_of(ranking.pareto)},
              {"smallest", json_of(ranking.smallest.front())},
              {"rivals", list_of(answer.rivals)},
              {"what_if", json_of_what_ifs(answer.what_ifs)},
              {"remedies", list_of(answer.remedies)},
              {"measured", list_of(answer.measured)},
              {"sentences", ranking.best.empty() ? plan_misfit(answer) : plan_reasons(answer)}});
  return all.dump(2) + "\n";
}

std::string plan_json(const InferenceAnswer& answer) {
  const planner::InferenceJob& job = answer.problem.job;
  const planner::InferenceRanking& ranking = answer.ranking;
  Json all = document("inference", answer.problem.model, answer.problem.machine);
  all.update({{"job",
               {{"prompt", job.prompt},
                {"answer", job.answer},
                {"requests", job.requests > 0 ? Json(job.requests) : Json()},
                {"precision", name(job.precision)}}},
              {"ranked_by", name(answer.settings.goal)},
              {"layouts", ranking.layouts},
              {"too_large", ranking.too_large},
              {"best", list_of(ranking.best)},
              {"front", list_of(ranking.front)},
              {"smallest", json_of(ranking.smallest.front())},
              {"what_if", json_of_what_ifs(answer.what_ifs)},
              {"remedies", list_of(answer.remedies)}});
  return all.dump(2) + "\n";
}

}  // namespace tutti::cli
