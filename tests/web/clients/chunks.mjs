// Holds chunks, one a line on the standard input, to the schema of the AI SDK itself, and to its reader.
// Writes how many there were, and what is wrong with those that are none.
import { createInterface } from 'node:readline';
import { readUIMessageStream, uiMessageChunkSchema } from 'ai';

const schema = uiMessageChunkSchema();
const streams = new Map();
const wrong = [];
let count = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const { stream, chunk } = JSON.parse(line);
  const result = await schema.validate(chunk);
  if (!result.success) wrong.push({ stream, chunk, why: String(result.error) });
  if (!streams.has(stream)) streams.set(stream, []);
  streams.get(stream).push(chunk);
  count += 1;
}

const messages = {};
for (const [name, chunks] of streams) {
  let message;
  try {
    const stream = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    for await (const state of readUIMessageStream({ stream, terminateOnError: true })) message = state;
  } catch (error) {
    if (!chunks.some(chunk => chunk.type === 'error')) wrong.push({ stream: name, why: String(error) });
  }
  messages[name] = message ?? null;
}
// What the schema must not take, so that it is known to look.
const refused = [{ type: 'text-delta', id: 1 }, { type: 'nothing' }, { type: 'finish', finishReason: 'bored' }];
const taken = await Promise.all(refused.map(async chunk => (await schema.validate(chunk)).success));
console.log(JSON.stringify({ count, wrong, taken, messages }));
