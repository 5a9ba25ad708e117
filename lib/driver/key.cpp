#include "driver/key.h"

#include <algorithm>

#include "driver/toolchain.h"
#include "ir/text.h"

namespace rlx::driver {
namespace {

// Leaves room in a file name for two digests and a suffix.
constexpr size_t kSlugBytes = 24;

// The file's name without folder and ending, in the letters that keys are made of.
std::string slug_of(const std::string& path) {
  std::string stem = path.substr(path.find_last_of('/') + 1);
  stem = stem.substr(0, stem.find_last_of('.'));
  std::string slug;
  for (char c : stem) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    slug += plain || (c >= 'a' && c <= 'z') ? c : '-';
  }
  slug = slug.substr(0, kSlugBytes);
  // A key starts with a letter or digit.
  return slug.empty() || slug[0] == '-' || slug[0] == '_' ? "m" + slug : slug;
}

Digest digest_of(std::string_view domain, std::string_view text) {
  Hasher h(domain);
  h.field("value", text);
  return h.finish();
}

Digest options_digest(const Options& options) {
  Hasher h("rlx.v1.options");
  for (const auto& [name, value] : options) {
    h.field("name", name);
    h.field("value", value);
  }
  return h.finish();
}

Digest dims_digest(Dims dims) {
  std::sort(dims.begin(), dims.end());
  Hasher h("rlx.v1.dims");
  for (const auto& [name, value] : dims) {
    h.field("name", name);
    h.field("value", value);
  }
  return h.finish();
}

Digest action_digest(const std::map<std::string, Digest>& inputs) {
  Hasher h("rlx.v1.action");
  for (const auto& [name, digest] : inputs) h.field(name, digest);
  return h.finish();
}

}  // namespace

Action action_of(const Graph& imported, const std::string& name, const Target& target,
                 const Options& options, const std::string& salt) {
  Action a;
  a.fingerprint = fingerprint(imported, true);
  a.structure = fingerprint(imported, false);
  a.inputs["compiler"] = digest_of("rlx.v1.compiler", compiler_id());
  a.inputs["graph"] = a.fingerprint;
  a.inputs["llvm"] = digest_of("rlx.v1.llvm", llvm_version());
  a.inputs["options"] = options_digest(options);
  a.inputs["salt"] = digest_of("rlx.v1.salt", salt);
  a.inputs["target"] = digest_of("rlx.v1.target", target.text);
  a.digest = action_digest(a.inputs);
  a.key = slug_of(name) + "-" + a.digest.hex();
  return a;
}

Action bound_action(const Action& base, Dims dims) {
  Action a = base;
  a.inputs["dims"] = dims_digest(std::move(dims));
  Hasher h("rlx.v1.bound");
  h.field("base", base.digest);
  h.field("dims", a.inputs["dims"]);
  a.digest = h.finish();
  a.key = base.key + "__" + a.digest.hex();
  return a;
}

}  // namespace rlx::driver
