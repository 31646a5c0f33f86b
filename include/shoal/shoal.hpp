// shoal: Python's multiprocessing for C++, sharing its objects with Python.
#pragma once

#include <shoal/as_bytes.hpp>
#include <shoal/barrier.hpp>
#include <shoal/codec.hpp>
#include <shoal/condition.hpp>
#include <shoal/error.hpp>
#include <shoal/event.hpp>
#include <shoal/holder.hpp>
#include <shoal/init.hpp>
#include <shoal/loan.hpp>
#include <shoal/lock.hpp>
#include <shoal/object.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <shoal/semaphore.hpp>
#include <shoal/wait.hpp>
