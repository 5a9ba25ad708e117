// What a user may ask of a compile besides target and dims: how exact it is, in what products are stored, which
// passes run, for which extents it is planned, and whether it is the model or its gradient. As options (name and value) they stand in the key, in the LIR
// and in the stamp of a request; what is the default is not written.
#pragma once
#include "driver/key.h"
#include "passes/by_inputs.h"
#include "passes/math.h"

namespace rlx::driver {

struct Switches {
  Math math = Math::kDefault;
  DType precision = DType::kF32;
  // Sorted, each once.
  Vec<std::string> disabled = {};
  ByInputs grad = {}, jvp = {}, batch = {};

  bool is_disabled(std::string_view name) const;
};

// What can be turned off: optional passes, and steps of the plan.
Vec<std::string> switch_names();
// From the texts of --math, --precision and --disable (names joined by commas); errors 2014, 2015 and 2017 name the
// nearest. Those of --likely are NAME=NUMBER, joined by commas; error 2018. Those of --grad, --jvp and --batch are
// NAME:INPUT,INPUT; error 2019. Empty texts are no switches.
struct SwitchTexts {
  std::string math = {}, precision = {};
  std::vector<std::string> disabled = {}, likely = {};
  std::string grad = {}, jvp = {}, batch = {};
};
Result<Options> parse_switches(const SwitchTexts& texts);
// Back from options that parse_switches made; others, of an entry of another rlx, are left out.
Switches switches_of(const Options& options);
// Inputs that --grad, --jvp and --batch name: where the model has a constant of that name, it is to be one.
Vec<std::string> inputs_asked(const Options& options);

}  // namespace rlx::driver
