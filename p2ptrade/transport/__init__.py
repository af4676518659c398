"""How the services talk: strict wire models, problem answers, the server each of them runs in, clients to reach them.

The services do not import each other; they meet here, on the chain and in the domain.
"""
