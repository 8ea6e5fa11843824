import { createServer } from 'node:http';

/** The baseline: a server that reads a body and answers, and does nothing else. */
const server = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-length': 0 }).end());
});
server.listen(Number(process.argv[2]));
