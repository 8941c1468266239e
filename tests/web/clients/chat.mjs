// Chats with a server, as a page with `useChat` does, over connections that are cut. One job on the standard input:
//   {"url": ..., "cases": [{"transport": "default" | "workflow", "id": ..., "cut": N, "again": true | false}]}
// `cut` is the number of frames after which the first response is cut; null: it is not. With `again`, every other one
// is cut there, too. Writes for each case, as one line, how it went.
import { createInterface } from 'node:readline';
import { Chat } from '@ai-sdk/react';
import { WorkflowChatTransport } from '@ai-sdk/workflow/client';
import { convertToModelMessages, DefaultChatTransport } from 'ai';

console.error = () => {}; // the workflow transport tells of each connection that was cut

const header = cut => (cut === null ? {} : { 'x-cut': String(cut) });

function begin({ url, transport, id, cut, again }, messages) {
  const api = `${url}/api/chat`;
  let requests = 0;
  const next = () => (requests++ === 0 || again ? header(cut) : {});
  return new Chat({
    id,
    messages,
    transport:
      transport === 'default'
        ? new DefaultChatTransport({ api, headers: next })
        : new WorkflowChatTransport({
            api,
            maxConsecutiveErrors: 1000,
            prepareSendMessagesRequest: ({ id, messages }) => ({
              body: { id, messages },
              headers: { 'content-type': 'application/json', ...next() },
            }),
            prepareReconnectToStreamRequest: ({ api }) => ({ api, headers: next() }),
          }),
  });
}

async function run(job) {
  const chat = begin(job, []);
  const statuses = [];
  await chat.sendMessage({ text: 'When was it lit?' });
  statuses.push(chat.status);
  const half = structuredClone(chat.messages);
  let resumed = 0;
  if (job.transport === 'default' && job.cut !== null) {
    // The page asks again, as it does on its own when it is loaded.
    await chat.resumeStream();
    resumed += 1;
    statuses.push(chat.status);
    // And so does a page that has saved the half.
    const reloaded = begin({ ...job, cut: null }, half);
    await reloaded.resumeStream();
    if (JSON.stringify(reloaded.messages.at(-1)) !== JSON.stringify(chat.messages.at(-1))) statuses.push('differs');
    if (reloaded.messages.length !== 2) statuses.push('doubled');
  }
  let model = null;
  try {
    model = await convertToModelMessages(chat.messages);
  } catch (error) {
    model = String(error);
  }
  return { statuses, error: chat.error?.message ?? null, messages: chat.messages, model };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { url, cases } = JSON.parse(line);
  for (const each of cases) console.log(JSON.stringify({ ...each, ...(await run({ url, ...each })) }));
}
