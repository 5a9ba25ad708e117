#include "support/hash.h"

#include <bit>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "support/result.h"

namespace rlx {
namespace {

static_assert(std::endian::native == std::endian::little,
              "fields are hashed as they lie in memory");

// The algorithm, fetched once: the implicit fetch of EVP_sha256 would be paid per digest, and
// reading openssl.cnf per process.
const EVP_MD* sha256_method() {
  static const EVP_MD* method = [] {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    return EVP_MD_fetch(nullptr, "SHA256", nullptr);
  }();
  RLX_CHECK(method != nullptr, "OpenSSL has no SHA-256");
  return method;
}

EVP_MD_CTX* context_of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  RLX_CHECK(EVP_DigestInit_ex2(context_of(context_), sha256_method(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_of(context_)); }

void Sha256::update(Bytes data) {
  RLX_CHECK(EVP_DigestUpdate(context_of(context_), data.data(), data.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  RLX_CHECK(EVP_DigestFinal_ex(context_of(context_), digest.bytes.data(), nullptr) == 1);
  return digest;
}

Digest sha256(Bytes data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

Hasher::Hasher(std::string_view domain) {
  constexpr std::byte kEnd{0};
  hash_.update(bytes_of(domain));
  hash_.update(std::span(&kEnd, 1));
}

void Hasher::field(std::string_view tag, Bytes value) {
  auto tag_size = static_cast<uint32_t>(tag.size());
  uint64_t value_size = value.size();
  hash_.update(std::as_bytes(std::span(&tag_size, 1)));
  hash_.update(bytes_of(tag));
  hash_.update(std::as_bytes(std::span(&value_size, 1)));
  hash_.update(value);
}

}  // namespace rlx
