// Who made an entry: Ed25519 signatures over the digest of its record, KEY.sig.json beside it.
//
// Public keys are trusted by lying in ~/.config/rlx/trusted or /etc/rlx/trusted; a key inside a cache
// proves nothing. Readers hold public keys only, and so cannot forge. What is signed is
// "rlx-sig-1\n" key "\n" <SHA-256 of KEY.meta.json, hex> "\n"; the record holds the digest of all else.
#pragma once
#include <map>
#include <memory>

#include "cache/folder.h"

namespace rlx::cache {

struct Signature {
  // The first 16 hex digits of the SHA-256 of the public key.
  std::string key_id;
  // 64 bytes, in hex.
  std::string ed25519;
};

// The text of KEY.sig.json, and its reading. kDamaged where it is none.
std::string signatures_text(const Vec<Signature>& signatures);
Result<Vec<Signature>> parse_signatures(std::string_view text);

// $XDG_CONFIG_HOME/rlx, else ~/.config/rlx; empty where there is no home.
std::string config_folder();

class SigningKey {
 public:
  // Of RLX_SIGNING_KEY, else signing.key in the configuration; kNoSigningKey where there is none,
  // kUnsafe where others can read it.
  static Result<SigningKey> load();
  // A new pair: the secret at `path` (mode 0600), the public half at path + ".pub". kCannotWrite, also
  // where there is one already.
  static Status generate(const std::string& path);
  static std::string default_path();

  Signature sign(std::string_view key, std::string_view meta) const;
  const std::string& id() const { return id_; }

 private:
  std::shared_ptr<void> secret_;
  std::string id_;
};

class TrustedKeys {
 public:
  // From the folders of the configuration; what is no key there is a warning.
  static TrustedKeys load();
  // Copies a public key into the user's folder; its id.
  static Result<std::string> trust(const std::string& path);

  bool empty() const { return keys_.empty(); }
  // The id of a trusted key that signed that record; empty where none did.
  std::string signer(std::string_view key, std::string_view meta,
                     const Vec<Signature>& signatures) const;

 private:
  std::map<std::string, std::shared_ptr<void>> keys_;
};

// "KEY.sig.json".
std::string signature_name(std::string_view key);

}  // namespace rlx::cache
