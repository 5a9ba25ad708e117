#include "runtime/cpu/program.h"

#include "runtime/cpu/barriers.h"

namespace rlx::runtime::cpu {
namespace {

using image::Image;
using Kind = image::Command::Kind;

// One thread runs it, and all others wait.
bool is_alone(Kind kind) { return kind == Kind::kTell || kind == Kind::kGive; }

Vec<Turn> turns_of(const Image& image, const Program& program, const FunctionTable& functions,
                   int threads) {
  Vec<Turn> turns;
  for (const Step& step : program.steps) {
    Turn turn{.share = step.tiles / threads, .rest = step.tiles % threads};
    if (step.kind == Kind::kLaunch) {
      turn.function = functions[image.commands[step.command].kernel];
    }
    turns.push_back(turn);
  }
  return turns;
}

// Whether each has one tile at most.
Vec<bool> solo_steps(const Image& image, const Program& program) {
  Vec<bool> solo;
  for (const Step& step : program.steps) {
    const bool chooses = !image.commands[step.command].ends.empty();
    solo.push_back(step.tiles <= 1 && !chooses && !is_alone(step.kind));
  }
  return solo;
}

void set_threads(const Image& image, const image::Placement& placement, Program& program,
                 int threads) {
  const Vec<int> owners = owners_of(image, placement, solo_steps(image, program), threads);
  const image::BlockEdges edges = block_edges(image);
  Barriers barriers(image, placement);
  for (const Step& step : program.steps) {
    Turn& turn = program.turns[step.command];
    const int owner = owners[step.command];
    if (owner != kAllThreads) turn.owner = owner;
    // Threads choose a block alike once its condition is there, and leave it from different places.
    const bool begins = edges.begins[step.command];
    const bool meet = step.kind == Kind::kLoop || is_alone(step.kind) ||
                      (!begins && (step.kind == Kind::kIf || edges.ended[step.command]));
    if (begins || meet) barriers.begin(step.command);
    turn.barrier = barriers.needed_before(step.command, owner) || meet;
  }
}

}  // namespace

void Program::set_pointers(const Vec<void*>& by_buffer) {
  for (size_t i = 0; i < arguments.size(); ++i) arguments[i] = by_buffer[argument_buffers[i]];
}

Result<Program> make_program(const Image& image, const image::Placement& placement,
                             const Vec<int64_t>& symbols, const image::ToldExtents& told,
                             const FunctionTable& functions, int threads) {
  Program program;
  RLX_TRY(static_cast<runtime::Program&>(program),
          runtime::make_program(image, placement, symbols, told));
  program.turns = turns_of(image, program, functions, threads);
  program.arguments.resize(program.argument_buffers.size());
  if (threads > 1) set_threads(image, placement, program, threads);
  return program;
}

}  // namespace rlx::runtime::cpu
