#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "driver/codes.h"
#include "driver/dim_lists.h"
#include "driver/warm.h"
#include "support/files.h"

namespace rlx::driver {
namespace {

// More combinations than this are a mistake.
constexpr size_t kMostJobs = 10'000;

Error wrong(const std::string& path, const toml::node& node, std::string_view what) {
  return Error(kBadManifest, fmt::format("{}:{}: {}", path, node.source().begin.line, what),
               "docs/cli.md shows a manifest");
}

class Manifest {
 public:
  explicit Manifest(std::string path) : path_(std::move(path)) {}

  Result<Vec<WarmJob>> read() {
    RLX_TRY(const std::string text, read_file(path_));
    toml::parse_result parsed = toml::parse(text, path_);
    if (!parsed) {
      return Error(kBadManifest, fmt::format("{}:{}: {}", path_, parsed.error().source().begin.line,
                                             parsed.error().description()));
    }
    const toml::table& root = parsed.table();
    for (const auto& [name, node] : root) {
      if (name != "model") return wrong(path_, node, fmt::format("unknown key '{}'", name.str()));
    }
    const toml::array* models = root["model"].as_array();
    if (!models) return Error(kBadManifest, path_ + " has no [[model]]", "docs/cli.md shows one");
    for (const toml::node& model : *models) {
      if (!model.is_table()) return wrong(path_, model, "a model is a table");
      RLX_TRY_VOID(add_model(*model.as_table()));
    }
    return std::move(jobs_);
  }

 private:
  Status add_model(const toml::table& model) {
    for (const auto& [name, node] : model) {
      if (name != "path" && name != "targets" && name != "dims" && name != "tag") {
        return wrong(path_, node, fmt::format("unknown key '{}'", name.str()));
      }
    }
    auto path = model["path"].value<std::string>();
    if (!path) return wrong(path_, model, "a model has a path");
    RLX_TRY(const Vec<std::string> targets, targets_of(model));
    RLX_TRY(const Vec<Dims> bindings, bindings_of(model));
    std::string tag = model["tag"].value_or(std::string());
    if (!tag.empty() && targets.size() * bindings.size() != 1) {
      return wrong(path_, model, "a tag names one entry, and these are several");
    }
    const std::string full = (std::filesystem::path(path_).parent_path() / *path).string();
    for (const std::string& target : targets) {
      for (const Dims& dims : bindings) jobs_.push_back({full, target, tag, dims});
    }
    if (!tag.empty() && !tags_.insert(tag).second) {
      return wrong(path_, model, fmt::format("the tag '{}' names another model too", tag));
    }
    if (jobs_.size() > kMostJobs) return wrong(path_, model, "more than 10000 jobs");
    return {};
  }

  Result<Vec<std::string>> targets_of(const toml::table& model) const {
    const toml::node* node = model.get("targets");
    if (!node) return Vec<std::string>{"host"};
    Vec<std::string> targets;
    if (const toml::array* list = node->as_array()) {
      for (const toml::node& item : *list) {
        if (auto text = item.value<std::string>()) targets.push_back(*text);
      }
    }
    if (targets.empty()) return wrong(path_, *node, "targets are a list of strings");
    return targets;
  }

  Result<Vec<Dims>> bindings_of(const toml::table& model) const {
    const toml::node* node = model.get("dims");
    if (!node) return Vec<Dims>{{}};
    const toml::array* list = node->as_array();
    if (!list) return wrong(path_, *node, "dims are a list of tables");
    Vec<Dims> all;
    for (const toml::node& item : *list) {
      if (!item.is_table()) return wrong(path_, item, "dims are a list of tables");
      RLX_TRY(Vec<Dims> some, combinations(*item.as_table()));
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

  // {batch = 1, seq = [64, 128]}: two bindings.
  Result<Vec<Dims>> combinations(const toml::table& table) const {
    Vec<DimList> lists;
    for (const auto& [name, node] : table) {
      RLX_TRY(Vec<int64_t> values, values_of(node));
      lists.push_back({std::string(name.str()), std::move(values)});
    }
    auto all = driver::combinations(lists, kMostJobs);
    if (!all) return wrong(path_, table, "more than 10000 jobs");
    return std::move(*all);
  }

  Result<Vec<int64_t>> values_of(const toml::node& node) const {
    if (auto value = node.value<int64_t>()) return Vec<int64_t>{*value};
    Vec<int64_t> values;
    if (const toml::array* list = node.as_array()) {
      for (const toml::node& item : *list) {
        if (auto value = item.value<int64_t>()) values.push_back(*value);
      }
    }
    if (values.empty()) return wrong(path_, node, "a dim is a number or a list of numbers");
    return values;
  }

  std::string path_;
  Vec<WarmJob> jobs_;
  std::set<std::string> tags_;
};

}  // namespace

Result<Vec<WarmJob>> read_manifest(const std::string& path) { return Manifest(path).read(); }

}  // namespace rlx::driver
