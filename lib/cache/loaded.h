// Functions of libraries that are loaded when they are first asked for.
#pragma once
#include <dlfcn.h>

namespace rlx::cache {

// Sets `function` to that of its name; whether the library has it.
template <class F>
bool find_function(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace rlx::cache
