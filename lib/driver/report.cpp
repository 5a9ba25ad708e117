#include "driver/report.h"

#include "driver/toolchain.h"

namespace rlx::driver {
namespace {

std::string code_text(int code) { return "RLX-E" + std::to_string(code); }

}  // namespace

std::string to_text(const Reported& d) {
  Diagnostic named = d;
  if (!d.model.empty()) named.message = d.model + ": " + d.message;
  return rlx::to_text(named) + '\n';
}

void write_json(JsonWriter& out, const Reported& d) {
  out.begin_object();
  out.member("severity", "error");
  out.member("code", code_text(d.code));
  out.member("message", d.message);
  if (!d.node.empty() || !d.op.empty()) {
    out.key("node");
    out.begin_object();
    out.member("name", d.node);
    out.member("op", d.op);
    if (d.opset != 0) out.member("opset", d.opset);
    out.end_object();
  }
  if (!d.shapes.empty()) {
    out.key("shapes");
    out.values(std::span<const std::string>(d.shapes));
  }
  if (!d.hint.empty()) out.member("hint", d.hint);
  if (!d.model.empty()) out.member("model", d.model);
  out.end_object();
}

void write_json(JsonWriter& out, const Remark& remark) {
  out.begin_object();
  out.member("severity", "warning");
  out.member("message", remark.text);
  if (!remark.model.empty()) out.member("model", remark.model);
  out.end_object();
}

void write_json(JsonWriter& out, const cache::Nearest& nearest) {
  out.key("miss");
  out.begin_object();
  out.member("nearest", nearest.key);
  out.key("differs");
  out.begin_array();
  for (const cache::Difference& d : nearest.differences) {
    out.begin_object();
    out.member("field", d.name);
    out.member("have", d.stored);
    out.member("want", d.wanted);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

std::string to_json(const Report& report) {
  JsonWriter out;
  out.begin_object();
  out.member("schema", "rlx.result/1");
  out.member("tool", report.tool);
  out.member("version", version());
  out.member("build_id", compiler_id().substr(0, 16));
  out.key("argv");
  out.values(std::span<const std::string>(report.argv));
  out.member("status", report.exit_code == 0 ? "ok" : "error");
  out.member("exit_code", report.exit_code);
  out.member("wall_ms", report.wall_ms);
  out.key("diagnostics");
  out.begin_array();
  for (const Reported& d : report.diagnostics) write_json(out, d);
  for (const Remark& remark : report.warnings) write_json(out, remark);
  out.end_array();
  out.key("items");
  out.begin_array();
  for (const auto& item : report.items) item(out);
  out.end_array();
  out.end_object();
  return out.take() + "\n";
}

std::string json_beginning(const Report& report) {
  std::string text = to_json(report);
  // Inside strings quotes are escaped.
  text.resize(text.rfind("\"status\""));
  return text;
}

}  // namespace rlx::driver
