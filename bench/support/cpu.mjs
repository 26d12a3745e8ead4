import { readdir, readFile } from 'node:fs/promises';

/** CPU time of a process, all its threads, in microseconds; Linux only. */
export async function cpuOf(pid) {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map((thread) => cpuOfThread(pid, thread)));
  return times.reduce((sum, time) => sum + time, 0);
}

async function cpuOfThread(pid, thread) {
  const [nanoseconds = '0'] = (await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')).split(' ');
  return Number(nanoseconds) / 1_000;
}

/** CPU time of the PostgreSQL backends that serve an application, in microseconds; the server must be on this machine. */
export async function cpuOfBackends(client, name) {
  const { rows } = await client.query('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [name]);
  const times = await Promise.all(rows.map(({ pid }) => cpuOf(pid)));
  return times.reduce((sum, time) => sum + time, 0);
}
