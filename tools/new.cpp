// The tools' operator new: where the system has no memory left the tool ends with an error that says
// how much was wanted and for what, for lib/ knows no exceptions. A sanitizer brings its own.
#include <cstdlib>
#include <new>

#include "support/ending.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RLX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define RLX_SANITIZED 1
#endif
#endif

#ifndef RLX_SANITIZED

namespace {

// Those that ask not to be thrown at get a null pointer.
void* plain(std::size_t size) noexcept { return std::malloc(size == 0 ? 1 : size); }

void* aligned(std::size_t size, std::align_val_t align) noexcept {
  void* made = nullptr;
  auto to = static_cast<std::size_t>(align);
  if (::posix_memalign(&made, to < sizeof(void*) ? sizeof(void*) : to, size == 0 ? 1 : size) != 0)
    return nullptr;
  return made;
}

void* or_end(void* made, std::size_t size) {
  if (made == nullptr) rlx::end_without_memory(size);
  return made;
}

}  // namespace

void* operator new(std::size_t size) { return or_end(plain(size), size); }
void* operator new[](std::size_t size) { return or_end(plain(size), size); }
void* operator new(std::size_t size, std::align_val_t align) {
  return or_end(aligned(size, align), size);
}
void* operator new[](std::size_t size, std::align_val_t align) {
  return or_end(aligned(size, align), size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return plain(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return plain(size); }
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return aligned(size, align);
}
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return aligned(size, align);
}

void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { std::free(p); }

#endif
