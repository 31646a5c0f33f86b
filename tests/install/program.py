"""A user's first program: the Python twin of main.cpp."""

import shoal


def work(out, n):
    for i in range(n):
        out.put(f"line {i}")


if __name__ == "__main__":
    context = shoal.get_context("spawn")
    queue = context.Queue(100)
    process = context.Process(name="Worker-1", target=work, args=(queue, 3))
    process.start()
    for _ in range(3):
        print(queue.get())
    process.join()
    raise SystemExit(process.exitcode)
