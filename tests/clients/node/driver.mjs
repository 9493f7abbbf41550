// What the TypeScript client drivers share: jobs come in and reports go out, one JSON object a line, as in
// drivers/driver.py. The token comes by environment; Node trusts the development CA by NODE_EXTRA_CA_CERTS.
// Start reading at `exercise`.
import { createInterface } from 'node:readline';
import { Agent, buildConnector, fetch as undiciFetch } from 'undici';

const JOB_MS = 40_000;
// What the client's model says when a server asks it.
export const SAMPLED = { role: 'assistant', content: { type: 'text', text: 'An answer' }, model: 'matrix' };

// The fetch of one job: Node's own, or undici's where HTTP/2 is asked for. Notes what it sees; Node's own does not say
// which version it speaks.
export class Wire {
  constructor(job) {
    this.job = job;
    this.versions = new Set();
    this.session = false;
    this.deletes = [];
    this.used = false;
    this.agent = job.http2 ? new Agent({ allowH2: true, connect: this.connector() }) : undefined;
    this.fetch = this.fetch.bind(this);
  }

  connector() {
    const connect = buildConnector({ allowH2: true });
    return (options, done) =>
      connect(options, (error, socket) => {
        if (socket) this.versions.add(socket.alpnProtocol === 'h2' ? 'HTTP/2' : 'HTTP/1.1');
        done(error, socket);
      });
  }

  requestInit() {
    return this.job.token === false ? {} : { headers: { Authorization: `Bearer ${process.env.MCP_TEST_TOKEN}` } };
  }

  async fetch(url, init) {
    this.used = true;
    const answer = this.agent ? await undiciFetch(url, { ...init, dispatcher: this.agent }) : await globalThis.fetch(url, init);
    this.session ||= answer.headers.has('mcp-session-id');
    if (init?.method === 'DELETE') this.deletes.push(answer.status);
    return answer;
  }

  async close() {
    await this.agent?.destroy();
  }

  report() {
    if (!this.used) return {};
    return { http: this.agent && [...this.versions].sort(), session: this.session, deletes: this.deletes };
  }
}

// The result of a call, or the protocol error that it ended with. Other failures are not outcomes.
async function outcome(call, isProtocolError) {
  try {
    return await call;
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    return { error: { code: error.code, message: error.message } };
  }
}

// Calls the tool that reports progress. Where the plan has a release, it comes only after all progress was seen.
async function watchedCall(client, plan, logs) {
  const progress = [];
  let complete;
  const all = new Promise((resolve) => (complete = resolve));
  const call = client.call(plan.name, plan.arguments, (step) => {
    progress.push([step.progress, step.total ?? null, step.message ?? null]);
    if (step.progress === step.total) complete(true);
  });
  let released = null;
  if (plan.release) {
    const seen = await Promise.race([all, call.then(() => false)]);
    if (!seen) throw new Error(`${plan.name} ended before its progress was seen: ${JSON.stringify(await call)}`);
    released = await client.call(plan.release.name, plan.release.arguments);
  }
  return { result: await call, released, progress, logs };
}

// Does with a connected client what the plan says, and reports what came back. `client` is the library's client with
// `call(name, arguments, onProgress)`, which the two libraries spell differently.
export async function exercise(client, plan, logs, isProtocolError) {
  const settled = (call) => outcome(call, isProtocolError);
  const calls = { call: (name, args, onprogress) => settled(client.call(name, args, onprogress)) };
  const report = { tools: (await client.listTools()).tools };
  report.call = await calls.call(plan.call.name, plan.call.arguments);
  report.wrong = [];
  for (const wrong of plan.wrong ?? []) report.wrong.push(await calls.call(wrong.name, wrong.arguments));
  if (plan.asking) report.asked = [];
  for (const asking of plan.asking ?? []) report.asked.push(await calls.call(asking.name, asking.arguments));
  if (plan.progress) report.watched = await watchedCall(calls, plan.progress, logs);
  if (plan.resource) {
    report.resources = (await client.listResources()).resources;
    report.resource = await settled(client.readResource({ uri: plan.resource }));
  }
  if (plan.prompt) {
    report.prompts = (await client.listPrompts()).prompts;
    report.prompt = await settled(client.getPrompt(plan.prompt));
  }
  return report;
}

async function answer(run, job) {
  const wire = new Wire(job);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${JOB_MS} ms`)), JOB_MS);
  });
  try {
    const report = await Promise.race([run(job, wire), late]);
    return { ...report, ...wire.report() };
  } catch (error) {
    return { failure: `${error.stack}\n${error.cause?.stack ?? ''}`, ...wire.report() };
  } finally {
    clearTimeout(timer);
    await wire.close();
  }
}

// Answers jobs with `run(job, wire)` until standard input ends.
export async function main(run) {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(run, JSON.parse(line)))}\n`);
  }
  process.exit(0);
}
