#include "driver/variants.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/names.h"
#include "driver/cache_listing.h"
#include "driver/codes.h"
#include "driver/load.h"
#include "driver/run_codes.h"
#include "driver/run_inputs.h"

namespace rlx::driver {
namespace {

// Of each set, those of the same shapes once; without sets one that says nothing.
Result<Vec<InputShapes>> shapes_of_sets(const Vec<std::string>& inputs) {
  if (inputs.empty()) return Vec<InputShapes>{{}};
  RLX_TRY(const Vec<TensorSet> sets, read_input_sets(inputs));
  Vec<InputShapes> all;
  for (const TensorSet& set : sets) {
    InputShapes shapes = shapes_of(set);
    if (std::ranges::find(all, shapes) == all.end()) all.push_back(std::move(shapes));
  }
  return all;
}

Status check_count(const VariantsRequest& r, size_t sets) {
  size_t count = 0;
  const bool overflows = __builtin_mul_overflow(count_of(r.dims), sets * r.targets.size(), &count);
  if (!overflows && count <= kMostVariants) return {};
  return Error(
      kBadDimList,
      fmt::format("these are {} variants, and at most {} are made at once",
                  overflows ? std::string("too many") : std::to_string(count), kMostVariants),
      "fewer values, or several calls");
}

// ---- bind

void add_variant(Answer& answer, const Built& built, const std::string& model) {
  std::string line = line_of(built, model);
  line.pop_back();
  answer.text += fmt::format("{}  {}\n", line, to_text(built.dims));
  answer.items.emplace_back([state = built.state(), stored = built.stored, key = built.key,
                             target = built.target.text, dims = built.dims,
                             nearest = built.nearest](JsonWriter& out) {
    out.begin_object();
    out.member("key", key);
    out.member("state", state);
    out.member("stored", stored);
    if (nearest) write_json(out, *nearest);
    out.member("target", target);
    write_json(out, dims);
    out.end_object();
  });
}

// ---- list

// The digests of graph and weights, which all variants of a model share whatever their target and switches.
using IsAsked = std::function<bool(const cache::Record&)>;

Result<IsAsked> same_model(const BuildRequest& request) {
  RLX_TRY(const Action action, key_of(request));
  return IsAsked([action](const cache::Record& record) {
    return record.entry && record.entry->fingerprint == action.fingerprint &&
           record.entry->structure == action.structure;
  });
}

// A template and what was bound of it.
IsAsked same_entry(const std::string& key) {
  return [template_key = key.substr(0, key.find("__"))](const cache::Record& record) {
    return record.key == template_key || record.key.starts_with(template_key + "__");
  };
}

Result<IsAsked> asked_for(const cache::Store& store, const BuildRequest& request) {
  if (is_model_file(request.model)) return same_model(request);
  RLX_TRY(const std::string key, cache::resolve(store, request.model));
  return same_entry(key);
}

std::string line_of(const Row& row) {
  if (!row.problem.empty()) return fmt::format("{}  {}\n", row.key, row.problem);
  return fmt::format("{}  {}  {}  {}  {}{}\n", row.key, to_text(row.dims), row.target,
                     cache::size_text(row.bytes), last_use(row),
                     row.stale ? "  of another compiler" : "");
}

}  // namespace

std::string line_of(const Built& built, const std::string& model) {
  return fmt::format("{}  {}{}  {}  {}\n", built.key, built.state(),
                     built.stored ? "" : ", not stored", built.target.text, model);
}

Result<Vec<Variant>> variants_of(const VariantsRequest& r) {
  if (r.targets.size() > 1 && !is_model_file(r.build.model)) {
    return Error(kRunUsage, "an entry has its own target, and several are given",
                 "give the model in place of the key");
  }
  RLX_TRY(const Vec<InputShapes> sets, shapes_of_sets(r.inputs));
  RLX_TRY_VOID(check_count(r, sets.size()));
  const Vec<Dims> all = *combinations(r.dims, kMostVariants);
  Vec<Variant> variants;
  for (const std::string& target : r.targets) {
    for (const Dims& dims : all) {
      for (const InputShapes& shapes : sets) {
        Variant v{r.build, shapes};
        v.build.target = target;
        v.build.dims.insert(v.build.dims.begin(), dims.begin(), dims.end());
        v.build.shapes.insert(v.build.shapes.end(), shapes.begin(), shapes.end());
        variants.push_back(std::move(v));
      }
    }
  }
  return variants;
}

void add_problem(Answer& answer, const Variant& v, const Error& e, bool is_one) {
  for (Diagnostic d : e.items) {
    if (!is_one) d.message = fmt::format("{}: {}", to_text(v.build.dims), d.message);
    answer.problems.push_back({d, v.build.model});
  }
  answer.items.emplace_back([dims = v.build.dims, target = v.build.target](JsonWriter& out) {
    out.begin_object();
    out.member("state", "failed");
    out.member("stored", false);
    out.member("target", target);
    write_json(out, dims);
    out.end_object();
  });
}

Result<Answer> bind_variants(const VariantsRequest& request) {
  Imports imports;
  VariantsRequest shared = request;
  shared.build.imports = &imports;
  RLX_TRY(const Vec<Variant> variants, variants_of(shared));
  Answer answer;
  std::set<std::string> told;
  for (const Variant& v : variants) {
    const auto built =
        v.shapes.empty() ? build(v.build, false) : build_for_inputs(v.build, v.shapes);
    if (!built) {
      add_problem(answer, v, built.error(), variants.size() == 1);
      return answer;
    }
    if (told.insert(built->key).second) add_variant(answer, *built, request.build.model);
  }
  return answer;
}

Result<Answer> list_variants(const VariantsRequest& request) {
  RLX_TRY(const cache::Store store, cache::Store::open(request.build.cache));
  if (store.trouble()) return *store.trouble();
  RLX_TRY(const IsAsked is_asked, asked_for(store, request.build));
  RLX_TRY(Vec<Row> rows, rows_of(store, is_asked));
  if (rows.empty()) {
    return Error(cache::kNoEntry, "the cache has no entry of " + request.build.model,
                 "rlxc makes the template, rlx-spec bind variants");
  }
  std::ranges::stable_sort(rows, {},
                           [](const Row& row) { return std::pair(row.target, row.dims); });
  Answer answer;
  for (const Row& row : rows) {
    answer.text += line_of(row);
    answer.items.emplace_back([row](JsonWriter& out) { write_json(out, row); });
  }
  return answer;
}

}  // namespace rlx::driver
