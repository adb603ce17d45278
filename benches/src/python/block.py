# 1 MiB goes through a pipe, filled before it is sent and read through when it has come; the answer is a number.

BLOCK_BYTES = 1024 * 1024


def read(end):
    while True:
        block = end.recv_bytes()
        end.send(block.count(block[0]))


end, other_end = multiprocessing.Pipe()
start(read, other_end)


def run(operations):
    for number in range(operations):
        end.send_bytes(bytes([number % 256]) * BLOCK_BYTES)
        if end.recv() != BLOCK_BYTES:
            raise ValueError("a block is wrong")


serve(run)
