"""Taking up what outlived the last run: agents as they stood, conversations, ringing phones, waiting callers.

The switch says what lives and who is bridged with whom; the books (`memory.Memory`) say what is written down
already and what happened to a call before. A caller is taken up for what the switch shows; the books only
decide what a parked channel means and what must be added to them. Once taken up, it is an ordinary call.

Read it in this order: `awaited` (what the books leave open), `living` (a node is seen), `parked`,
`conversations` and `questions` (its callers), `phones` (that ring), `books` (what ended meanwhile).
`given_up` has the calls of nodes that nobody saw for long.
"""
