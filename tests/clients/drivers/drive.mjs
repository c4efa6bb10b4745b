// Ask a cache without pause and tell what came of it: how a Node.js snippet of `connect` goes on.
//
// As drive.py: SET and GET of rotating keys until standard input ends, `ready` on the first good
// answer, one JSON object as the last line. Times are CLOCK_MONOTONIC, as Python's time.monotonic.

const PAUSE_MS = 5;
const KEYS = 100;
const GRACE_MS = 3000; // for a request on its way when standard input ends
const TEXTS = 5;

const now = () => Number(process.hrtime.bigint()) / 1e9;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export async function drive(client) {
  const tally = { ok: 0, errors: 0, texts: [], hung: false, longest: 0, longest_at: 0 };
  let last = 0;
  let ended = false;

  const gap = (to) => {
    if (to - last > tally.longest) [tally.longest, tally.longest_at] = [to - last, last];
  };
  const good = () => {
    const at = now();
    if (tally.ok === 0) process.stdout.write("ready\n");
    else gap(at);
    tally.ok += 1;
    last = at;
  };
  const bad = (text) => {
    tally.errors += 1;
    if (tally.texts.length < TEXTS) {
      tally.texts.push([now(), text.replace(/\s+/g, " ").slice(0, 300)]);
    }
  };
  const end = (at, hung) => {
    if (tally.ok) gap(at); // a client that never came back shows as a long gap
    const { longest, ...row } = tally;
    row.hung = hung;
    row.silent_ms = tally.ok ? Math.max(0, Math.round((at - last) * 10000) / 10) : 0;
    row.longest_ms = Math.round(longest * 10000) / 10;
    process.stdout.write(`${JSON.stringify(row)}\n`, () => process.exit(0));
  };

  let endedAt = 0;
  process.stdin.resume();
  process.stdin.on("end", () => {
    ended = true;
    endedAt = now();
    setTimeout(() => end(endedAt, true), GRACE_MS);
  });

  for (let number = 1; !ended; number += 1) {
    const key = `${process.env.CLIENT_NAME}-${number % KEYS}`;
    const value = `${process.pid}-${number}`; // no other run has written it
    try {
      await client.set(key, value);
      const answer = await client.get(key);
      if (String(answer) === value) good();
      else bad(`GET answered ${answer} after SET of ${value}`);
    } catch (error) {
      bad(`${error.name}: ${error.message}`);
    }
    await pause(PAUSE_MS);
  }
  end(endedAt, false);
}
