// The writer and the viewer of the stage `replication`, on the original Hypercore.
//
//     node peer.js VERSION writer FOLDER NICKNAME
//     node peer.js VERSION viewer FOLDER KEY ADDRESS
//
// VERSION is 10, 11 or 11-default. They print what the stage's programs print.
'use strict'

const net = require('net')
const readline = require('readline')

const [version, role, folder, ...rest] = process.argv.slice(2)
const Hypercore = require(`hypercore-${version.split('-')[0]}`)

async function main () {
  const key = role === 'viewer' ? Buffer.from(rest[0], 'hex') : null
  // From version 11 on, a feed has another format unless one asks for the one that all know.
  const compat = version !== '11-default'
  const feed = new Hypercore(folder, key, { valueEncoding: 'json', compat })
  await feed.ready()
  feed.createReadStream({ live: true }).on('data', ({ timestamp, nickname, text }) => {
    console.log(`${timestamp} ${nickname}: ${text}`)
  })
  if (role === 'viewer') {
    const colon = rest[1].lastIndexOf(':')
    meet(feed, net.connect(Number(rest[1].slice(colon + 1)), rest[1].slice(0, colon)), true)
    return
  }
  console.log(`key ${feed.key.toString('hex')}`)
  readline.createInterface({ input: process.stdin }).on('line', (text) => {
    const timestamp = new Date().toISOString()
    const message = (text) => ({ type: 'chat-message', nickname: rest[0], text, timestamp })
    const many = /^\/many (\d+)$/.exec(text)
    feed.append(many ? Array.from({ length: Number(many[1]) }, (_, i) => message(`${i + 1}`)) : message(text))
  })
  const server = net.createServer((socket) => meet(feed, socket, false))
  server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`))
}

function meet (feed, socket, isInitiator) {
  socket.setNoDelay(true)
  const stream = feed.replicate(isInitiator)
  socket.on('error', () => stream.destroy())
  stream.on('error', (error) => console.error(error.message)).on('close', () => socket.destroy())
  socket.pipe(stream).pipe(socket)
}

// Whoever has started this ends it by closing its input.
process.stdin.on('end', () => process.exit(0)).resume()
main().catch((error) => {
  console.error(error)
  process.exit(1)
})
