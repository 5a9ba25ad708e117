// OpenSSL's functions for keys and signatures, loaded when the first is asked for: linked into each tool, their
// tables would be two thirds of what a start has to relocate, and no start on a cache of one's own needs them.
#pragma once
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "support/result.h"

namespace rlx::cache {

// clang-format off
#define RLX_OPENSSL_FUNCTIONS(X)                                                           \
  X(BIO_ctrl) X(BIO_free) X(BIO_new) X(BIO_new_mem_buf) X(BIO_s_mem)                       \
  X(EVP_DigestSign) X(EVP_DigestSignInit) X(EVP_DigestVerify) X(EVP_DigestVerifyInit)      \
  X(EVP_MD_CTX_free) X(EVP_MD_CTX_new) X(EVP_PKEY_Q_keygen) X(EVP_PKEY_free)               \
  X(EVP_PKEY_get_id) X(EVP_PKEY_get_raw_public_key) X(PEM_read_bio_PUBKEY)                 \
  X(PEM_read_bio_PrivateKey) X(PEM_write_bio_PUBKEY) X(PEM_write_bio_PrivateKey)
// clang-format on

// Each member is the function of its name.
// NOLINTBEGIN(readability-identifier-naming)
struct Openssl {
#define RLX_DECLARE(name) decltype(&::name) name;
  RLX_OPENSSL_FUNCTIONS(RLX_DECLARE)
#undef RLX_DECLARE

  // kNoSigningKey where this machine has no OpenSSL 3.
  static Result<const Openssl*> get();
};
// NOLINTEND(readability-identifier-naming)

}  // namespace rlx::cache
