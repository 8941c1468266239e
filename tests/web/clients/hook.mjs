// A page with `useChat({ resume: true })`: rendered by React, read at every change.
//   node hook.mjs URL ID SAVED
// SAVED are the messages that it has saved, as JSON. Writes its status and its messages at every change, one line each.
import { JSDOM } from 'jsdom';

const dom = new JSDOM('<main></main>', { url: 'http://127.0.0.1/' });
globalThis.window = dom.window;
globalThis.document = dom.window.document;
globalThis.navigator ??= dom.window.navigator; // Node has one of its own from 21 on
globalThis.IS_REACT_ACT_ENVIRONMENT = false;

const { createElement, useEffect } = await import('react');
const { createRoot } = await import('react-dom/client');
const { useChat } = await import('@ai-sdk/react');
const { DefaultChatTransport } = await import('ai');

const [url, id, saved] = process.argv.slice(2);
const transport = new DefaultChatTransport({ api: `${url}/api/chat` });
let seen = '';

function Page() {
  const chat = useChat({ id, transport, messages: JSON.parse(saved), resume: true });
  useEffect(() => {
    const state = JSON.stringify({ status: chat.status, messages: chat.messages, error: chat.error?.message ?? null });
    if (state !== seen) console.log((seen = state));
  });
  return null;
}

createRoot(document.querySelector('main')).render(createElement(Page));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
