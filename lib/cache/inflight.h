// Progress notes: what the process that compiles a key is doing, for those that wait for it.
//
// inflight/KEY.json is written by whoever holds the key's lock and goes away with the work; a note
// that a killed process left says nothing, because its lock is free.
#pragma once
#include <string>

#include "cache/folder.h"

namespace rlx::cache {

// One for the time of the work. Where it cannot be written, nobody sees progress.
class InflightNote {
 public:
  InflightNote() = default;
  InflightNote(const Folder& root, std::string key);
  InflightNote(InflightNote&& other) noexcept;
  InflightNote& operator=(InflightNote&& other) noexcept;
  ~InflightNote();

  // "code generation".
  void phase(std::string_view name);

 private:
  void remove();

  const Folder* root_ = nullptr;
  std::string key_;
  int64_t start_ns_ = 0;
};

// "process 4711 on build7, 12 s in code generation": empty where there is no note.
std::string progress_of(const Folder& root, std::string_view key);

// Whether the process that wrote the note of that file name still holds its lock.
bool is_at_work(const Folder& root, std::string_view file_name);

}  // namespace rlx::cache
