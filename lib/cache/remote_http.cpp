#include "cache/remote_http.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "cache/loaded.h"

namespace rlx::cache {
namespace {

// libcurl's functions, loaded when a remote is first asked: the library and the thirty that it needs would
// otherwise cost each start of a tool milliseconds.
struct Curl {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

bool load(Curl& c) {
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  return library && find_function(library, "curl_global_init", c.global_init) &&
         find_function(library, "curl_easy_init", c.easy_init) &&
         find_function(library, "curl_easy_cleanup", c.easy_cleanup) &&
         find_function(library, "curl_easy_reset", c.easy_reset) &&
         find_function(library, "curl_easy_setopt", c.easy_setopt) &&
         find_function(library, "curl_easy_perform", c.easy_perform) &&
         find_function(library, "curl_easy_getinfo", c.easy_getinfo) &&
         find_function(library, "curl_easy_strerror", c.easy_strerror) &&
         find_function(library, "curl_slist_append", c.slist_append) &&
         find_function(library, "curl_slist_free_all", c.slist_free_all) &&
         c.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

// Null where this machine has no libcurl.
const Curl* api() {
  static const Curl* const loaded = [] {
    static Curl functions;
    return load(functions) ? &functions : nullptr;
  }();
  return loaded;
}

struct Sink {
  std::string body;
  int64_t limit = 0;
};

struct Source {
  Bytes rest;
};

// Fewer bytes than it was given end the transfer.
size_t receive(char* data, size_t /*one*/, size_t count, void* to) {
  auto& sink = *static_cast<Sink*>(to);
  if (static_cast<int64_t>(sink.body.size() + count) > sink.limit) return 0;
  sink.body.append(data, count);
  return count;
}

size_t send(char* data, size_t /*one*/, size_t count, void* from) {
  Bytes& rest = static_cast<Source*>(from)->rest;
  const size_t n = std::min(count, rest.size());
  std::memcpy(data, rest.data(), n);
  rest = rest.subspan(n);
  return n;
}

CURL* curl(void* handle) { return static_cast<CURL*>(handle); }

template <class T>
void set(void* handle, CURLoption option, T value) {
  api()->easy_setopt(curl(handle), option, value);
}

void set_number(void* handle, CURLoption option, int64_t value) {
  set(handle, option, static_cast<long>(value));
}

// AWS_ACCESS_KEY_ID and its kin, where RLX_REMOTE_SIGV4 says how S3 wants to be asked ("aws:amz:eu-west-1:s3").
void sign_requests(void* handle) {
  const char* sigv4 = std::getenv("RLX_REMOTE_SIGV4");
  const char* id = std::getenv("AWS_ACCESS_KEY_ID");
  const char* secret = std::getenv("AWS_SECRET_ACCESS_KEY");
  if (!sigv4 || !id || !secret) return;
  set(handle, CURLOPT_AWS_SIGV4, sigv4);
  set(handle, CURLOPT_USERNAME, id);
  set(handle, CURLOPT_PASSWORD, secret);
}

Response no_library() { return {.problem = "libcurl.so.4 is not installed"}; }

}  // namespace

Http::Http(const RemoteOptions& options) : options_(options) {}

Http::~Http() {
  if (handle_) api()->easy_cleanup(curl(handle_));
}

bool Http::prepare(const std::string& path, int64_t bytes) {
  if (!handle_ && api()) handle_ = api()->easy_init();
  if (!handle_) return false;
  api()->easy_reset(curl(handle_));
  set(handle_, CURLOPT_URL, (options_.url + path).c_str());
  set(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  set_number(handle_, CURLOPT_FOLLOWLOCATION, 0);
  set_number(handle_, CURLOPT_NOSIGNAL, 1);
  set_number(handle_, CURLOPT_CONNECTTIMEOUT_MS, options_.connect_ms);
  set_number(handle_, CURLOPT_LOW_SPEED_LIMIT, 1);
  set_number(handle_, CURLOPT_LOW_SPEED_TIME, options_.idle_s);
  set_number(handle_, CURLOPT_TIMEOUT_MS, options_.total_s * 1000 + bytes / 1000);
  // A user and password in the URL are sent; ~/.netrc is not read.
  set(handle_, CURLOPT_USERAGENT, "rlx");
  sign_requests(handle_);
  return true;
}

Response Http::perform() {
  Response response;
  const CURLcode code = api()->easy_perform(curl(handle_));
  if (code != CURLE_OK) {
    response.problem = api()->easy_strerror(code);
    return response;
  }
  long status = 0;
  api()->easy_getinfo(curl(handle_), CURLINFO_RESPONSE_CODE, &status);
  response.status = status;
  return response;
}

Response Http::get(const std::string& path, int64_t limit) {
  if (!prepare(path, limit)) return no_library();
  Sink sink{.limit = limit};
  set(handle_, CURLOPT_WRITEFUNCTION, receive);
  set(handle_, CURLOPT_WRITEDATA, &sink);
  Response response = perform();
  response.body = std::move(sink.body);
  return response;
}

Response Http::head(const std::string& path) {
  if (!prepare(path, 0)) return no_library();
  set_number(handle_, CURLOPT_NOBODY, 1);
  return perform();
}

Response Http::put(const std::string& path, Bytes body) {
  if (!prepare(path, static_cast<int64_t>(body.size()))) return no_library();
  Source source{body};
  Sink sink{.limit = 1 << 16};
  set_number(handle_, CURLOPT_UPLOAD, 1);
  set(handle_, CURLOPT_READFUNCTION, send);
  set(handle_, CURLOPT_READDATA, &source);
  set(handle_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(handle_, CURLOPT_WRITEFUNCTION, receive);
  set(handle_, CURLOPT_WRITEDATA, &sink);
  // No "Expect: 100-continue", for which some servers let one wait a second.
  curl_slist* headers = api()->slist_append(nullptr, "Expect:");
  set(handle_, CURLOPT_HTTPHEADER, headers);
  Response response = perform();
  api()->slist_free_all(headers);
  return response;
}

}  // namespace rlx::cache
