#include "worker.hpp"

#include "escape.hpp"
#include "line_reader.hpp"
#include "parent.hpp"
#include "recognise.hpp"

#include <array>
#include <chrono>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

namespace logs {
namespace {

using namespace std::chrono_literals;

/// Puts records as one worker.
class Sender {
 public:
  Sender(std::string process, Records records)
      : process_(std::move(process)), records_(std::move(records)) {}

  void put(Record record) {
    std::visit([&](auto& message) { message.process = process_; }, record);
    const std::optional<Record> item = std::move(record);
    while (!records_.put_for(item, 1s))
      if (parent_.is_gone()) throw std::runtime_error("the parent is gone");
  }

  void done() { put(Note{{}, "工作完成", now()}); }

 private:
  std::string process_;
  Records records_;
  Parent parent_;
};

void read_file(const Task& task, Sender& sender) {
  std::int64_t number = 0;
  try {
    LineReader reader(unescape(task.file));
    Timestamps timestamps(reader.modified());
    while (const std::optional<RawLine> raw = reader.next()) {
      const std::string& timestamp = timestamps.next(raw->bytes);
      if (++number <= task.skip) continue;
      sender.put(Line{.process = {},
                      .message = escape(raw->bytes),
                      .timestamp = timestamp,
                      .level = std::string(find_level(raw->bytes)),
                      .file = task.file,
                      .line = number,
                      .size = static_cast<std::int64_t>(raw->size)});
    }
    sender.put(FileEnd{{}, task.file, number});
  } catch (const ReadError& error) {
    sender.put(FileFailed{{}, task.file, number, error.what(), now()});
  }
}

}  // namespace

void read_files(std::string process, const std::vector<Task>& tasks, Records records) {
  forget_signal_handlers();
  Sender sender(std::move(process), std::move(records));
  for (const Task& task : tasks) read_file(task, sender);
  sender.done();
}

void demonstrate(std::string process, double seconds, Records records) {
  forget_signal_handlers();
  static constexpr std::array<const char*, 4> kWork = {"处理数据", "网络请求", "文件操作",
                                                       "计算任务"};
  const std::string file = "demo of " + process;
  Sender sender(std::move(process), std::move(records));
  std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<std::size_t> which(0, kWork.size() - 1);
  std::uniform_real_distribution<double> pause(0.5, 1.5);

  std::int64_t number = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    const std::string message = std::string("正在执行: ") + kWork[which(random)];
    sender.put(Line{.process = {},
                    .message = message,
                    .timestamp = now(),
                    .level = "INFO",
                    .file = file,
                    .line = ++number,
                    .size = static_cast<std::int64_t>(message.size())});
    std::this_thread::sleep_for(std::chrono::duration<double>(pause(random)));
  }
  sender.put(FileEnd{{}, file, number});
  sender.done();
}

}  // namespace logs
