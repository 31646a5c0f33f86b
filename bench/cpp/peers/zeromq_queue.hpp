// ZeroMQ: PUSH to PULL by ipc://, which is a socket of the operating system, with a thread of each
// side's context at work.
#pragma once

#include <unistd.h>
#include <zmq.h>

#include <stdexcept>
#include <string>

#include "message.hpp"

namespace bench {

template <std::size_t kBytes>
class ZeroMqQueue {
 public:
  ZeroMqQueue() = default;
  ZeroMqQueue(const ZeroMqQueue&) = delete;
  ZeroMqQueue& operator=(const ZeroMqQueue&) = delete;
  ~ZeroMqQueue() {
    if (socket_ != nullptr) ::zmq_close(socket_);
    if (context_ != nullptr) ::zmq_ctx_term(context_);
  }

  // Contexts do not survive a fork, so each process opens its end for itself.
  void begin_put() {
    open(ZMQ_PUSH);
    check(::zmq_connect(socket_, address_.c_str()), "zmq_connect");
  }
  void begin_get() {
    open(ZMQ_PULL);
    check(::zmq_bind(socket_, address_.c_str()), "zmq_bind");
  }
  void put(Message<kBytes>& message) {
    check(::zmq_send(socket_, data_of(message), kBytes, 0), "zmq_send");
  }
  void get(Message<kBytes>& message) {
    if (::zmq_recv(socket_, data_of(message), kBytes, 0) != static_cast<int>(kBytes)) {
      throw std::runtime_error("zmq_recv: a message of another size");
    }
  }

 private:
  static void check(int result, const char* call) {
    if (result < 0)
      throw std::runtime_error(std::string(call) + ": " + ::zmq_strerror(::zmq_errno()));
  }
  void open(int type) {
    context_ = ::zmq_ctx_new();
    socket_ = ::zmq_socket(context_, type);
    if (socket_ == nullptr) throw std::runtime_error("zmq_socket");
    const int at_once = 0;
    const int soon = 1;  // milliseconds until it tries again; who connects may be the first
    check(::zmq_setsockopt(socket_, ZMQ_LINGER, &at_once, sizeof at_once), "ZMQ_LINGER");
    check(::zmq_setsockopt(socket_, ZMQ_RECONNECT_IVL, &soon, sizeof soon), "ZMQ_RECONNECT_IVL");
  }
  static std::string new_address() {
    static int count = 0;
    return "ipc://@shoal-bench-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  }

  std::string address_ = new_address();
  void* context_ = nullptr;
  void* socket_ = nullptr;
};

}  // namespace bench
