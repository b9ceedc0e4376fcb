// The one C++ file: what google.h promises, on Google Benchmark 1.7 or later. Its reporters are kept, with
// their head edited on the way out.
#include "google.h"
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cmath>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

struct wn_google_state {
    benchmark::State &state;
};

namespace {

// The flags that decide which reporters there are; the library keeps what it read to itself.
struct flags {
    std::string format = "console", out, out_format = "json";
    bool tabular = false;
};

flags seen;

// The value of --benchmark_NAME=VALUE or of the environment's BENCHMARK_NAME; the former wins.
std::string flag_value(int argc, char **argv, const std::string &name, const std::string &otherwise) {
    std::string value = otherwise, variable = "BENCHMARK_";
    for (char c : name)
        variable += static_cast<char>(toupper(c));
    if (const char *set = getenv(variable.c_str()))
        value = set;
    const std::string start = "--benchmark_" + name;
    for (int i = 1; i < argc; i++)
        if (start + "=" == std::string(argv[i]).substr(0, start.size() + 1))
            value = argv[i] + start.size() + 1;
        else if (start == argv[i])
            value = "true";
    return value;
}

bool is_true(const std::string &value) {
    return !value.empty() && std::string("tTyY1").find(value[0]) != std::string::npos;
}

// Puts `replacement` in place of whatever stands from `begin` to the next `end` (both removed).
void replace_between(std::string &text, const std::string &begin, const std::string &end,
                     const std::string &replacement) {
    const size_t at = text.find(begin);
    if (at == std::string::npos)
        return;
    const size_t stop = text.find(end, at + begin.size());
    if (stop != std::string::npos)
        text.replace(at, stop + end.size() - at, replacement);
}

// A stream took less than was written.
bool output_lost;

// A reporter whose head is written to a string, edited, and only then put out.
template <class Reporter>
class edited : public Reporter {
  public:
    using Reporter::Reporter;

    bool ReportContext(const benchmark::BenchmarkReporter::Context &context) override {
        std::ostream &out = this->GetOutputStream(), &err = this->GetErrorStream();
        std::ostringstream out_text, err_text;
        this->SetOutputStream(&out_text);
        this->SetErrorStream(&err_text);
        const bool go_on = Reporter::ReportContext(context);
        this->SetOutputStream(&out);
        this->SetErrorStream(&err);
        out << edit(out_text.str());
        err << edit(err_text.str());
        return go_on;
    }

    void Finalize() override {
        Reporter::Finalize();
        output_lost |= !this->GetOutputStream().flush();
    }

  private:
    static std::string edit(std::string text) {
        replace_between(text, "    \"host_name\": ", "\n", "");
        replace_between(text, "***WARNING*** Library was built as DEBUG", "\n",
                        "Google Benchmark itself is a debug build: that slows the loop around a run by some "
                        "nanoseconds. Times are taken within it.\n");
        return text;
    }
};

// The counters there may be.
std::vector<std::string> declared;

// The CSV reporter is marked deprecated, but --benchmark_format=csv is part of the interface. It has the
// columns of the first run and ends the program when a later one has more. A run that has them all goes
// first, and what is put out is its header alone.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
class csv_reporter : public edited<benchmark::CSVReporter> {
  public:
    void ReportRuns(const std::vector<Run> &runs) override {
        if (!begun) {
            Run all;
            for (const std::string &name : declared)
                all.counters[name] = 0;
            std::ostream &out = GetOutputStream();
            std::ostringstream text;
            SetOutputStream(&text);
            edited::ReportRuns({all});
            SetOutputStream(&out);
            out << text.str().substr(0, text.str().find('\n') + 1);
            begun = true;
        }
        edited::ReportRuns(runs);
    }

  private:
    bool begun = false;
};
#pragma GCC diagnostic pop

std::unique_ptr<benchmark::BenchmarkReporter> make_reporter(const std::string &format) {
    if (format == "csv")
        return std::make_unique<csv_reporter>();
    if (format == "json")
        return std::make_unique<edited<benchmark::JSONReporter>>();
    int options = benchmark::ConsoleReporter::OO_None;
    if (isatty(STDOUT_FILENO))
        options |= benchmark::ConsoleReporter::OO_Color;
    if (seen.tabular)
        options |= benchmark::ConsoleReporter::OO_Tabular;
    return std::make_unique<edited<benchmark::ConsoleReporter>>(
        static_cast<benchmark::ConsoleReporter::OutputOptions>(options));
}

} // namespace

// The library answers a format that it does not know with its help page and success.
static bool is_unknown_format(const char *flag) {
    for (const char *name : {"--benchmark_format=", "--benchmark_out_format="})
        if (strncmp(flag, name, strlen(name)) == 0) {
            const std::string format = flag + strlen(name);
            return format != "console" && format != "json" && format != "csv";
        }
    return false;
}

const char *wn_google_start(int *argc, char **argv) {
    seen.format = flag_value(*argc, argv, "format", "console");
    seen.out = flag_value(*argc, argv, "out", "");
    seen.out_format = flag_value(*argc, argv, "out_format", "json");
    seen.tabular = is_true(flag_value(*argc, argv, "counters_tabular", ""));

    // Flags are read in order, so that a user's own comes after ours. The JSON names argv[0] as the
    // executable.
    static char program[] = "winnow-bench", interleave[] = "--benchmark_enable_random_interleaving=true";
    std::vector<char *> all = {program, interleave};
    all.insert(all.end(), argv + 1, argv + *argc);
    int count = static_cast<int>(all.size());
    all.push_back(nullptr);
    for (int i = 1; i < *argc; i++)
        if (is_unknown_format(argv[i]))
            return argv[i];
    benchmark::Initialize(&count, all.data());
    std::copy(all.begin() + 1, all.begin() + count, argv + 1);
    argv[count] = nullptr;
    *argc = count;
    for (int i = 1; i < count; i++)
        if (strncmp(argv[i], "--benchmark_", 12) == 0)
            return argv[i];
    return nullptr;
}

void wn_google_context(const char *key, const char *value) {
    benchmark::AddCustomContext(key, value);
}

void wn_google_declare(const char *name) {
    declared.push_back(name);
}

void wn_google_add(const char *name, wn_google_body *body, void *context) {
    benchmark::RegisterBenchmark(name,
                                 [body, context](benchmark::State &state) {
                                     wn_google_state wrapped = {state};
                                     body(&wrapped, context);
                                 })
        ->Unit(benchmark::kMicrosecond)
        ->MeasureProcessCPUTime()
        ->UseManualTime();
}

const char *wn_google_out(void) {
    return seen.out.empty() ? nullptr : seen.out.c_str();
}

int wn_google_run(void) {
    std::unique_ptr<benchmark::BenchmarkReporter> display = make_reporter(seen.format), file;
    if (!seen.out.empty())
        file = make_reporter(seen.out_format);
    const size_t count = benchmark::RunSpecifiedBenchmarks(display.get(), file.get());
    benchmark::Shutdown();
    return output_lost ? -1 : static_cast<int>(count);
}

bool wn_google_next(wn_google_state *state) {
    return state->state.KeepRunning();
}

void wn_google_iteration(wn_google_state *state, double seconds) {
    state->state.SetIterationTime(seconds);
}

void wn_google_counter(wn_google_state *state, const char *name, double value) {
    if (std::isfinite(value))
        state->state.counters[name] = value;
}

void wn_google_label(wn_google_state *state, const char *text) {
    state->state.SetLabel(text);
}

void wn_google_skip(wn_google_state *state, const char *reason) {
    state->state.SkipWithError(reason);
}
