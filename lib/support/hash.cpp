#include "support/hash.h"

#include <bit>

// SHA256_Init and its like.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "support/result.h"

namespace rlx {
namespace {

static_assert(std::endian::native == std::endian::little,
              "fields are hashed as they lie in memory");

// OpenSSL's functions of this one algorithm, which it would have replaced by EVP_*: those first set up a provider and all
// that it knows, at 0.8 ms a tenth of a whole start from the cache.
SHA256_CTX* context_of(void* context) { return static_cast<SHA256_CTX*>(context); }

}  // namespace

Sha256::Sha256() : context_(new SHA256_CTX) { RLX_CHECK(SHA256_Init(context_of(context_)) == 1); }

Sha256::~Sha256() { delete context_of(context_); }

void Sha256::update(Bytes data) {
  RLX_CHECK(SHA256_Update(context_of(context_), data.data(), data.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  RLX_CHECK(SHA256_Final(digest.bytes.data(), context_of(context_)) == 1);
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
