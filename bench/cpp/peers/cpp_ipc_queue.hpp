// cpp-ipc: its channel from one to one, the only one of which each message goes to one receiver.
#pragma once

#include <libipc/ipc.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "message.hpp"

namespace bench {

/// What it leaves in /dev/shm, with a name that begins with `prefix`, is removed in the end; the
/// destructors of a partner that is killed do not run.
class CppIpcFiles {
 public:
  CppIpcFiles() = default;
  CppIpcFiles(const CppIpcFiles&) = delete;
  CppIpcFiles& operator=(const CppIpcFiles&) = delete;
  ~CppIpcFiles() {
    for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) {
      if (file.path().filename().string().starts_with(prefix_)) {
        std::error_code ignored;
        std::filesystem::remove(file.path(), ignored);
      }
    }
  }
  [[nodiscard]] ipc::prefix prefix() const noexcept { return {prefix_.c_str()}; }

 private:
  static std::string new_prefix() {
    static int count = 0;
    return "shoal-bench-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + "-";
  }
  std::string prefix_ = new_prefix();
};

template <std::size_t kBytes>
class CppIpcQueue {
  using Channel = ipc::chan<ipc::relat::single, ipc::relat::single, ipc::trans::unicast>;

 public:
  void begin_put() {
    if (!channel_.connect(files_.prefix(), kName, ipc::sender) || !channel_.wait_for_recv(1)) {
      throw std::runtime_error("cpp-ipc: no receiver");
    }
  }
  void begin_get() {
    if (!channel_.connect(files_.prefix(), kName, ipc::receiver)) {
      throw std::runtime_error("cpp-ipc: cannot connect");
    }
  }
  // A send that has a time limit drops messages beyond it.
  void put(Message<kBytes>& message) {
    if (!channel_.send(data_of(message), kBytes, ipc::invalid_value)) {
      throw std::runtime_error("cpp-ipc: cannot send");
    }
  }
  void get(Message<kBytes>& message) {
    const ipc::buff_t received = channel_.recv();
    if (received.size() != kBytes) throw std::runtime_error("a message of another size");
    std::memcpy(data_of(message), received.data(), kBytes);
  }

 private:
  static constexpr const char* kName = "queue";
  CppIpcFiles files_;
  Channel channel_;
};

}  // namespace bench
