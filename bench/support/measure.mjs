import { performance } from 'node:perf_hooks';
import { shuffled } from './statistics.mjs';

/** Runs a task so often, so many at a time. */
export async function repeat(task, times, concurrency = 1) {
  let left = times;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await task();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/**
 * Runs each task in blocks, the blocks of all tasks interleaved in random order.
 *
 * @returns by task, microseconds of an operation in each round: by the clock, and of this process's CPU.
 */
export async function interleave(tasks, { rounds, times, concurrency = 1 }) {
  const names = Object.keys(tasks);
  const samples = Object.fromEntries(names.map((name) => [name, { wall: [], cpu: [] }]));
  for (let round = -1; round < rounds; round += 1) {
    for (const name of shuffled(names)) {
      const cpuBefore = process.cpuUsage();
      const begin = performance.now();
      await repeat(tasks[name], times, concurrency);
      const wall = ((performance.now() - begin) * 1_000) / times;
      const { user, system } = process.cpuUsage(cpuBefore);
      // The first round warms up.
      if (round < 0) continue;
      samples[name].wall.push(wall);
      samples[name].cpu.push((user + system) / times);
    }
  }
  return samples;
}

/** The elements of a list, one after the other, over and over. */
export function cycle(list) {
  let index = 0;
  return () => {
    index = (index + 1) % list.length;
    return list[index];
  };
}
