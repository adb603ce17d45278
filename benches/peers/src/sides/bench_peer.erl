%% What the two Erlang nodes do. The asker is told by its standard input how many operations to do, as Python's scripts are.
-module(bench_peer).
-export([ask/0, tell/0, collect/0, answer/0]).

-define(SENDERS, 4).

%% The other node: answers, counts, and sends, until its standard input ends.
answer() ->
    register(peer, spawn(fun() -> answer_loop(0) end)),
    io:format("ready~n"),
    wait_for_end().

answer_loop(Count) ->
    receive
        {ask, From, Message} -> From ! {answer, Message}, answer_loop(Count);
        {tell, _Message} -> answer_loop(Count + 1);
        {count, From} -> From ! {count, Count}, answer_loop(0);
        {send, To, Share} ->
            [spawn(fun() -> send(To, Share) end) || _ <- lists:seq(1, ?SENDERS)],
            answer_loop(Count)
    end.

send(_To, 0) -> ok;
send(To, Count) -> To ! {tell, <<7:512>>}, send(To, Count - 1).

wait_for_end() ->
    case io:get_line("") of
        eof -> halt(0);
        _ -> wait_for_end()
    end.

ask() -> serve(fun(Other, Count) -> ask(Other, Count) end).

ask(_Other, 0) -> ok;
ask(Other, Count) ->
    Other ! {ask, self(), <<7:512>>},
    receive {answer, _} -> ask(Other, Count - 1) end.

tell() ->
    serve(fun(Other, Count) ->
        send(Other, Count),
        Other ! {count, self()},
        receive {count, Count} -> ok end
    end).

collect() ->
    serve(fun(Other, Count) ->
        Share = Count div ?SENDERS,
        Other ! {send, self(), Share},
        take(Share * ?SENDERS)
    end).

take(0) -> ok;
take(Count) -> receive {tell, _} -> take(Count - 1) end.

serve(Run) ->
    [Other] = init:get_plain_arguments(),
    Node = list_to_atom(Other),
    true = net_kernel:connect_node(Node),
    io:format("ready~n"),
    serve(Run, {peer, Node}).

serve(Run, Other) ->
    case io:get_line("") of
        eof -> halt(0);
        Line ->
            {Count, _} = string:to_integer(Line),
            ok = Run(Other, Count),
            io:format("~p~n", [Count]),
            serve(Run, Other)
    end.
