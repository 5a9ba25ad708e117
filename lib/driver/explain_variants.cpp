#include "driver/explain_variants.h"

#include <fmt/format.h>

#include "driver/cache_listing.h"
#include "driver/codes.h"
#include "driver/compile.h"
#include "driver/open_entry.h"
#include "passes/bind_dims.h"

namespace rlx::driver {
namespace {

struct Explained {
  // As Taken::Kind is called; "none" where rlx-run ends with an error.
  std::string kind;
  std::string key, why;
  Dims dims;
  Vec<VariantChoice::Rejected> rejected = {};
};

// As the template has it: in the cache, or planned for this.
Result<Graph> template_graph(const cache::Store& store, const BuildRequest& base,
                             const Action& action) {
  RLX_TRY(const cache::Lookup found, store.lookup(action.key, {.action = action.digest}));
  if (found.hit) {
    RLX_TRY(Lir lir, lir_from_json(found.lir, {}));
    return std::move(lir.graph);
  }
  RLX_TRY(const Target target, parse_target(base.target));
  RLX_TRY(ModelFile model, imported_model(base));
  RLX_TRY(Plan plan, planned(std::move(model.graph), {.target = target, .options = base.options}));
  return std::move(plan.lir.graph);
}

// What rlx-run does where nothing is bound to the dims.
Explained on_a_miss(OnMiss on_miss, const Action& wanted, const Action& base, const Dims& dims) {
  switch (on_miss) {
    case OnMiss::kBind:
      return {"bound", wanted.key, "nothing is bound to these dims: it is compiled and stored",
              dims};
    case OnMiss::kTemplate: return {"template", base.key, "no variant serves the dims", {}};
    case OnMiss::kError:
      return {"none", wanted.key, "nothing is bound to these dims, and a hit is required", dims};
  }
  return {};
}

class Explainer {
 public:
  Explainer(const cache::Store& store, OnMiss on_miss) : store_(store), on_miss_(on_miss) {}

  Result<Explained> explain(const Variant& v) const {
    if (!is_model_file(v.build.model)) return explain_key(v.build.model);
    RLX_TRY(const BuildRequest request, with_given_defaults(v.build, v.shapes));
    RLX_TRY(const Action wanted, key_of(request));
    BuildRequest unbound = request;
    unbound.dims = {};
    unbound.shapes = {};
    RLX_TRY(const Action base, key_of(unbound));
    const Dims dims = dims_bound(wanted.inputs);
    if (dims.empty()) {
      return Explained{"template", base.key, "neither inputs nor --dim say dims to bind", {}};
    }
    const auto g = template_graph(store_, unbound, base);
    // What has no template has variants all the same.
    if (!g && on_miss_ == OnMiss::kTemplate) return g.error();
    if (!g) return without_template(wanted, base, dims);
    RLX_TRY_VOID(check_dims(*g, dims));
    RLX_TRY(VariantChoice choice, choose_variant(store_, base.key, *g, dims));
    RLX_TRY(Explained out, taken(choice, wanted, base, dims));
    out.rejected = std::move(choice.rejected);
    return out;
  }

 private:
  Result<Explained> explain_key(const std::string& key) const {
    RLX_TRY(const cache::Lookup found, lookup_template(store_, key));
    return Explained{"entry", key, "a key runs the entry that it names",
                     dims_bound(found.hit->inputs)};
  }

  Result<Explained> without_template(const Action& wanted, const Action& base,
                                     const Dims& dims) const {
    RLX_TRY(const cache::Lookup found, store_.lookup(wanted.key, {.action = wanted.digest}));
    if (found.hit) return Explained{"exact", wanted.key, "it is bound to these dims", dims};
    return on_a_miss(on_miss_, wanted, base, dims);
  }

  Result<Explained> taken(const VariantChoice& choice, const Action& wanted, const Action& base,
                          const Dims& dims) const {
    const bool may_vary = on_miss_ == OnMiss::kTemplate;
    if (!choice.key.empty() && (may_vary || choice.key == wanted.key)) {
      const bool is_exact = choice.fit == VariantChoice::Fit::kExact;
      return Explained{is_exact ? "exact" : "covering", choice.key, choice.why, choice.dims};
    }
    return on_a_miss(on_miss_, wanted, base, dims);
  }

  const cache::Store& store_;
  OnMiss on_miss_;
};

void write_explained(JsonWriter& out, const Explained& e) {
  out.begin_object();
  out.member("taken", e.kind);
  out.member("key", e.key);
  write_json(out, e.dims);
  out.member("why", e.why);
  out.key("rejected");
  out.begin_array();
  for (const VariantChoice::Rejected& r : e.rejected) {
    out.begin_object();
    out.member("key", r.key);
    write_json(out, r.dims);
    out.member("why", r.why);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void add_explained(Answer& answer, const Explained& e, const std::string& model) {
  answer.text += fmt::format("{}  {}  {}: {}\n", e.kind, e.key, to_text(e.dims), e.why);
  for (const VariantChoice::Rejected& r : e.rejected) {
    answer.text += fmt::format("  not {}  {}: {}\n", r.key, to_text(r.dims), r.why);
  }
  answer.items.emplace_back([e](JsonWriter& out) { write_explained(out, e); });
  if (e.kind != "none") return;
  answer.problems.push_back({{.code = kNotCached, .message = "not in the cache: " + e.key}, model});
}

}  // namespace

Result<Answer> explain_variants(const VariantsRequest& request, OnMiss on_miss) {
  Imports imports;
  VariantsRequest shared = request;
  shared.build.imports = &imports;
  RLX_TRY(const Vec<Variant> variants, variants_of(shared));
  RLX_TRY(const cache::Store store, cache::Store::open(request.build.cache));
  Answer answer;
  for (const Variant& v : variants) {
    const auto explained = Explainer(store, on_miss).explain(v);
    if (!explained) {
      add_problem(answer, v, explained.error(), variants.size() == 1);
      return answer;
    }
    add_explained(answer, *explained, request.build.model);
  }
  return answer;
}

}  // namespace rlx::driver
