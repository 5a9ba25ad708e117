#include "support/hash.h"

#include <bit>
#include <string>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "support/result.h"

namespace rlx {
namespace {

static_assert(std::endian::native == std::endian::little,
              "fields are hashed as they lie in memory");

// The algorithm, fetched once: the implicit fetch of EVP_sha256() would be paid per digest, and
// reading openssl.cnf per process.
const EVP_MD* sha256_method() {
  static const EVP_MD* method = [] {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    return EVP_MD_fetch(nullptr, "SHA256", nullptr);
  }();
  RLX_CHECK(method != nullptr, "OpenSSL has no SHA-256");
  return method;
}

}  // namespace

struct Hasher::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();

  Impl() { RLX_CHECK(EVP_DigestInit_ex2(context, sha256_method(), nullptr) == 1); }
  ~Impl() { EVP_MD_CTX_free(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void add(const void* data, size_t size) { RLX_CHECK(EVP_DigestUpdate(context, data, size) == 1); }
  Digest finish() {
    Digest digest;
    RLX_CHECK(EVP_DigestFinal_ex(context, digest.bytes.data(), nullptr) == 1);
    return digest;
  }
};

Hasher::Hasher(std::string_view domain) : impl_(std::make_unique<Impl>()) {
  std::string head(domain);
  impl_->add(head.c_str(), head.size() + 1);
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::field(std::string_view tag, Bytes value) {
  auto tag_size = static_cast<uint32_t>(tag.size());
  uint64_t value_size = value.size();
  impl_->add(&tag_size, sizeof tag_size);
  impl_->add(tag.data(), tag.size());
  impl_->add(&value_size, sizeof value_size);
  impl_->add(value.data(), value.size());
}

Digest Hasher::finish() { return impl_->finish(); }

Digest sha256(Bytes data) {
  Hasher::Impl hash;
  hash.add(data.data(), data.size());
  return hash.finish();
}

}  // namespace rlx
