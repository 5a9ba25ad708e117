// What a user may ask of a compile besides target and dims: how exact it is, in what products are stored, which
// passes run, and for which extents it is planned. As options (name and value) they stand in the key, in the LIR
// and in the stamp of a request; what is the default is not written.
#pragma once
#include "driver/key.h"
#include "passes/math.h"

namespace rlx::driver {

struct Switches {
  Math math = Math::kDefault;
  DType precision = DType::kF32;
  // Sorted, each once.
  Vec<std::string> disabled = {};

  bool is_disabled(std::string_view name) const;
};

// What can be turned off: optional passes, and steps of the plan.
Vec<std::string> switch_names();
// From the texts of --math, --precision and --disable (names joined by commas); errors 2014, 2015 and 2017 name the
// nearest. Those of --likely are NAME=NUMBER, joined by commas; error 2018. Empty texts are no switches.
struct SwitchTexts {
  std::string math = {}, precision = {};
  std::vector<std::string> disabled = {}, likely = {};
};
Result<Options> parse_switches(const SwitchTexts& texts);
// Back from options that parse_switches made; others, of an entry of another rlx, are left out.
Switches switches_of(const Options& options);

}  // namespace rlx::driver
