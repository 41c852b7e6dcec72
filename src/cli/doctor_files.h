// Small readers of what Linux tells in files, and small texts. Every reader takes the whole path,
// so that tests read made-up trees. What cannot be read is absent, never an error: kernels,
// containers and rights differ in what they show. Tested by cli_doctor_files_test.cc.

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tutti::cli::doctor {

/// Without its end; "" where it cannot be read.
std::string first_line(const std::filesystem::path& file);

std::vector<std::string> lines_of(const std::filesystem::path& file);

/// The whole number that the file begins with.
std::optional<long> number_in(const std::filesystem::path& file);

/// What stands after "key" and blanks, or "key:" and blanks, at the beginning of a line.
std::string value_of(const std::filesystem::path& file, const std::string& key);

/// What a folder holds, in order of names.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder);

/// Numbers of a list such as "0-3,8"; empty where it is none.
std::vector<int> parse_list(const std::string& list);

/// "0-3,8". REQUIRES: ascending.
std::string list_text(const std::vector<int>& numbers);

/// "1.5 GiB"
std::string bytes_text(double bytes);

/// "1 rank", "2 ranks"
std::string count_text(long count, const std::string& what);

/// "rank 3", "ranks 0 and 1", "ranks 0, 1, 2 and 13 more". REQUIRES: not empty.
std::string ranks_text(const std::vector<int>& ranks);

/// Whether this process has a capability, by its number in capabilities(7). `proc` is /proc.
bool has_capability(const std::filesystem::path& proc, int capability);

inline constexpr int kCapabilityIpcLock = 14;
inline constexpr int kCapabilitySysPtrace = 19;

}  // namespace tutti::cli::doctor
