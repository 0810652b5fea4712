"""The small process beside each run: starts it, captures its output, ships its spool, delivers commands, reports its
end.
"""
