#include "backend/common/check.h"

#include "backend/common/codes.h"
#include "kernel/verify.h"

namespace rlx::backend {
namespace {

Error no_strings(const Stage& s, std::string_view backend) {
  Diagnostic d{
      .code = kUnsupportedElement,
      .message = "the " + std::string(backend) + " backend has no strings, stage " + s.name};
  d.node = s.origin.empty() ? s.name : s.origin.front();
  return Error(std::move(d));
}

}  // namespace

Status check_elements(const Kernel& k, std::string_view name) {
  for (const Stage& s : k.stages) {
    for (const Vec<Access>* accesses : {&s.reads, &s.writes}) {
      for (const Access& a : *accesses) {
        if (dtype_of(k, a) == DType::kString) return no_strings(s, name);
      }
    }
  }
  return {};
}

}  // namespace rlx::backend
