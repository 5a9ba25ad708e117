#include "cache/signature.h"

#include <array>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/codes.h"
#include "cache/openssl.h"
#include "support/files.h"
#include "support/json.h"
#include "support/log.h"
#include "support/output_file.h"

namespace rlx::cache {
namespace {

constexpr size_t kSignatureBytes = 64;
constexpr size_t kPublicBytes = 32;
constexpr size_t kIdLength = 16;
constexpr std::string_view kPublicSuffix = ".pub";

// Only where a key was had, or Openssl::get() asked, before.
const Openssl& openssl() { return **Openssl::get(); }

struct FreeKey {
  void operator()(EVP_PKEY* p) const { openssl().EVP_PKEY_free(p); }
  void operator()(EVP_MD_CTX* p) const { openssl().EVP_MD_CTX_free(p); }
  void operator()(BIO* p) const { openssl().BIO_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeKey>;

std::string message_of(std::string_view key, std::string_view meta) {
  return fmt::format("rlx-sig-1\n{}\n{}\n", key, sha256(bytes_of(meta)).hex());
}

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hex_of(std::string_view bytes) {
  std::string text;
  for (char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// Empty where it is not hex.
std::string bytes_of_hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string bytes;
  if (text.size() % 2 != 0) return {};
  for (size_t i = 0; i < text.size(); i += 2) {
    const size_t high = kDigits.find(text[i]), low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return {};
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::string id_of(EVP_PKEY* key) {
  std::array<unsigned char, kPublicBytes> bytes;
  size_t size = bytes.size();
  if (openssl().EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1 ||
      size != bytes.size()) {
    return {};
  }
  return sha256(std::as_bytes(std::span(bytes))).hex().substr(0, kIdLength);
}

Owned<BIO> memory_of(const std::string& text) {
  return Owned<BIO>(openssl().BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::shared_ptr<void> share(EVP_PKEY* key) {
  return {key, [](void* p) { openssl().EVP_PKEY_free(static_cast<EVP_PKEY*>(p)); }};
}

// The key that the text of that file is.
Result<std::shared_ptr<void>> parse_public(const std::string& text, const std::string& path) {
  RLX_TRY_VOID(Openssl::get());
  EVP_PKEY* key = openssl().PEM_read_bio_PUBKEY(memory_of(text).get(), nullptr, nullptr, nullptr);
  if (!key || openssl().EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    openssl().EVP_PKEY_free(key);
    return Error(kNoSigningKey, path + " is no Ed25519 public key in PEM form");
  }
  return share(key);
}

bool verifies(void* key, const std::string& message, const std::string& signature) {
  const Owned<EVP_MD_CTX> context(openssl().EVP_MD_CTX_new());
  return openssl().EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                                        static_cast<EVP_PKEY*>(key)) == 1 &&
         openssl().EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message),
                                    message.size()) == 1;
}

std::string pem_text(BIO* memory) {
  char* data = nullptr;
  const int64_t size = openssl().BIO_ctrl(memory, BIO_CTRL_INFO, 0, static_cast<void*>(&data));
  return {data, static_cast<size_t>(size)};
}

// Never over a file that is there: not named yet.
Result<OutputFile> new_file(const std::string& path, const std::string& text, mode_t mode) {
  RLX_TRY(OutputFile file, OutputFile::create(path, mode, OutputFile::Over::kNothing));
  RLX_TRY_VOID(file.append(bytes_of(text)));
  return file;
}

}  // namespace

std::string signature_name(std::string_view key) { return std::string(key) + ".sig.json"; }

std::string signatures_text(const Vec<Signature>& signatures) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("signatures");
  writer.begin_array(JsonWriter::Layout::kLines);
  for (const Signature& s : signatures) {
    writer.begin_object();
    writer.member("ed25519", s.ed25519);
    writer.member("key", s.key_id);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take() + '\n';
}

Result<Vec<Signature>> parse_signatures(std::string_view text) {
  RLX_TRY(const Json json, Json::parse(text));
  const JsonReader root(json, "signatures");
  RLX_TRY(const JsonReader list, root.get("signatures"));
  RLX_TRY(const Vec<JsonReader> items, list.items());
  Vec<Signature> all;
  for (const JsonReader& item : items) {
    Signature s;
    RLX_TRY(s.key_id, item.string("key"));
    RLX_TRY(s.ed25519, item.string("ed25519"));
    all.push_back(std::move(s));
  }
  return all;
}

std::string config_folder() {
  if (auto dir = variable("XDG_CONFIG_HOME"); dir.starts_with('/')) {
    return std::string(dir) + "/rlx";
  }
  if (auto home = variable("HOME"); !home.empty()) return std::string(home) + "/.config/rlx";
  return {};
}

std::string SigningKey::default_path() { return config_folder() + "/signing.key"; }

Result<SigningKey> SigningKey::load() {
  std::string path(variable("RLX_SIGNING_KEY"));
  if (path.empty()) path = default_path();
  struct stat s;
  if (::stat(path.c_str(), &s) != 0) {
    return Error(kNoSigningKey, "no signing key at " + path, "`rlx-cache keygen` makes one");
  }
  if ((s.st_mode & 077) != 0) {
    return Error(kUnsafe, path + " can be read by others", "run `chmod 600 " + path + "`");
  }
  RLX_TRY(const std::string text, read_file(path));
  RLX_TRY_VOID(Openssl::get());
  EVP_PKEY* key =
      openssl().PEM_read_bio_PrivateKey(memory_of(text).get(), nullptr, nullptr, nullptr);
  if (!key || openssl().EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    openssl().EVP_PKEY_free(key);
    return Error(kNoSigningKey, path + " is no Ed25519 key in PEM form");
  }
  SigningKey out;
  out.id_ = id_of(key);
  out.secret_ = share(key);
  return out;
}

Status SigningKey::generate(const std::string& path) {
  RLX_TRY_VOID(Openssl::get());
  const Owned<EVP_PKEY> key(openssl().EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Owned<BIO> secret(openssl().BIO_new(openssl().BIO_s_mem())),
      open(openssl().BIO_new(openssl().BIO_s_mem()));
  const bool good = key &&
                    openssl().PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0,
                                                       nullptr, nullptr) == 1 &&
                    openssl().PEM_write_bio_PUBKEY(open.get(), key.get()) == 1;
  if (!good) return Error(kNoSigningKey, "no key could be made");
  if (const size_t slash = path.find_last_of('/'); slash != std::string::npos) {
    RLX_TRY_VOID(make_folders(path.substr(0, slash)));
  }
  // Both or neither, as far as names can tell.
  RLX_TRY(OutputFile secret_file, new_file(path, pem_text(secret.get()), 0600));
  RLX_TRY(OutputFile open_file,
          new_file(path + std::string(kPublicSuffix), pem_text(open.get()), 0644));
  RLX_TRY_VOID(secret_file.finish());
  return open_file.finish();
}

Signature SigningKey::sign(std::string_view key, std::string_view meta) const {
  const std::string message = message_of(key, meta);
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  const Owned<EVP_MD_CTX> context(openssl().EVP_MD_CTX_new());
  const bool good =
      openssl().EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                                   static_cast<EVP_PKEY*>(secret_.get())) == 1 &&
      openssl().EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                               &size, raw(message), message.size()) == 1;
  RLX_CHECK(good && size == kSignatureBytes, "an Ed25519 key that does not sign");
  return {id_, hex_of(signature)};
}

TrustedKeys TrustedKeys::load() {
  TrustedKeys trusted;
  for (const std::string& folder :
       {config_folder() + "/trusted", std::string("/etc/rlx/trusted")}) {
    std::error_code error;
    const std::filesystem::directory_iterator end;
    std::filesystem::directory_iterator file(folder, error);
    for (; !error && file != end; file.increment(error)) {
      if (file->path().extension() != kPublicSuffix) continue;
      const std::string path = file->path().string();
      auto text = read_file(path);
      auto key = text ? parse_public(*text, path) : Result<std::shared_ptr<void>>(text.error());
      if (key) {
        trusted.keys_[id_of(static_cast<EVP_PKEY*>(key->get()))] = *key;
      } else {
        log::warning("no key to trust: " + key.error().first().message);
      }
    }
  }
  return trusted;
}

Result<std::string> TrustedKeys::trust(const std::string& path) {
  RLX_TRY(const std::string text, read_file(path));
  RLX_TRY(const std::shared_ptr<void> key, parse_public(text, path));
  std::string id = id_of(static_cast<EVP_PKEY*>(key.get()));
  const std::string folder = config_folder() + "/trusted";
  RLX_TRY_VOID(make_folders(folder));
  RLX_TRY_VOID(write_file(folder + '/' + id + std::string(kPublicSuffix), bytes_of(text)));
  return id;
}

std::string TrustedKeys::signer(std::string_view key, std::string_view meta,
                                const Vec<Signature>& signatures) const {
  const std::string message = message_of(key, meta);
  for (const Signature& s : signatures) {
    auto known = keys_.find(s.key_id);
    if (known == keys_.end()) continue;
    if (verifies(known->second.get(), message, bytes_of_hex(s.ed25519))) return s.key_id;
  }
  return {};
}

}  // namespace rlx::cache
