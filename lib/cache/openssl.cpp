#include "cache/openssl.h"

#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/loaded.h"

namespace rlx::cache {
namespace {

constexpr const char* kOpenssl = "libcrypto.so.3";

bool load(Openssl& openssl) {
  void* library = ::dlopen(kOpenssl, RTLD_NOW | RTLD_LOCAL);
  if (!library) return false;
  bool found = true;
#define RLX_FIND(name) found = found && find_function(library, #name, openssl.name);
  RLX_OPENSSL_FUNCTIONS(RLX_FIND)
#undef RLX_FIND
  return found;
}

}  // namespace

Result<const Openssl*> Openssl::get() {
  static Openssl openssl{};
  static const bool is_loaded = load(openssl);
  if (is_loaded) return &openssl;
  return Error(kNoSigningKey,
               fmt::format("{} is not installed: nothing can be signed or checked", kOpenssl),
               "install OpenSSL 3 (Debian: libssl3)");
}

}  // namespace rlx::cache
