// HTTP as the remote tier needs it: whole bodies of bounded size, no redirects, budgets of time.
#pragma once
#include <string>

#include "cache/remote.h"

namespace rlx::cache {

struct Response {
  // 0: no answer; then `problem` says why.
  int64_t status = 0;
  std::string body;
  std::string problem;
};

class Http {
 public:
  explicit Http(const RemoteOptions& options);
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http();

  // The body is at most `limit` bytes long; a longer one is no answer.
  Response get(const std::string& path, int64_t limit);
  Response head(const std::string& path);
  Response put(const std::string& path, Bytes body);

 private:
  bool prepare(const std::string& path, int64_t bytes);
  Response perform();

  const RemoteOptions& options_;
  // A CURL handle, kept for its connection.
  void* handle_ = nullptr;
};

}  // namespace rlx::cache
