#include "driver/key.h"

#include <algorithm>
#include <charconv>

#include "driver/toolchain.h"
#include "ir/text.h"

namespace rlx::driver {
namespace {

// Leaves room in a file name for two digests and a suffix.
constexpr size_t kSlugBytes = 24;

// What a dim is called among the inputs of an action.
const std::string kDimInput = "dim ";

// The file's name without folder and ending, in the letters that keys are made of.
std::string slug_of(const std::string& path) {
  std::string stem = path.substr(path.find_last_of('/') + 1);
  stem = stem.substr(0, stem.find_last_of('.'));
  std::string slug;
  for (char c : stem) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    slug += plain || (c >= 'a' && c <= 'z') ? c : '-';
  }
  slug = slug.substr(0, kSlugBytes);
  // A key starts with a letter or digit.
  return slug.empty() || slug[0] == '-' || slug[0] == '_' ? "m" + slug : slug;
}

// A salt may be a secret.
std::string salt_text(const std::string& salt) {
  Hasher h("rlx.v1.salt");
  h.field("value", salt);
  return h.finish().hex();
}

Digest action_digest(const std::map<std::string, std::string>& inputs) {
  Hasher h("rlx.v1.action");
  for (const auto& [name, value] : inputs) {
    h.field("name", name);
    h.field("value", value);
  }
  return h.finish();
}

}  // namespace

Action action_of(const Graph& imported, const std::string& name, const Target& target,
                 const Options& options, const std::string& salt) {
  Action a;
  a.fingerprint = fingerprint(imported, true);
  a.structure = fingerprint(imported, false);
  a.inputs = {{"compiler", compiler_id()}, {"graph", a.structure.hex()},
              {"llvm", llvm_version()},    {"salt", salt_text(salt)},
              {"target", target.text},     {"weights", a.fingerprint.hex()}};
  for (const auto& [option, value] : options) a.inputs["option " + option] = value;
  a.digest = action_digest(a.inputs);
  a.key = slug_of(name) + "-" + a.digest.hex();
  return a;
}

Dims dims_bound(const std::map<std::string, std::string>& inputs) {
  Dims dims;
  for (auto at = inputs.lower_bound(kDimInput); at != inputs.end(); ++at) {
    const auto& [input, text] = *at;
    if (!input.starts_with(kDimInput)) break;
    int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    dims.emplace_back(input.substr(kDimInput.size()), value);
  }
  return dims;
}

Action bound_action(const Action& base, const Dims& dims) {
  Action a = base;
  for (const auto& [name, value] : dims) a.inputs[kDimInput + name] = std::to_string(value);
  a.digest = action_digest(a.inputs);
  a.key = base.key + "__" + a.digest.hex();
  return a;
}

}  // namespace rlx::driver
