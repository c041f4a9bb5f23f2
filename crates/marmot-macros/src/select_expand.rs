//! What a `select!` becomes.
//!
//! ```text
//! {
//!     enum Out<A0, A1> { Arm0(A0), Arm1(A1), Default, Else }
//!     let out = {
//!         let on = [CONDITION0, true];                              conditions first
//!         match (OPERAND0, OPERAND1,) { (op0, op1,) => {            operands in order, once
//!             let arm0 = ..; let arm1 = ..;                         what kind: told by type
//!             let mut engine = Engine::new(..);
//!             poll_fn(|cx| loop { match engine.poll(&mut [&mut arm0, &mut arm1], cx) {
//!                 Arm(0) => if arm0's output fits PATTERN0 { return Ready(Out::Arm0(..)) }
//!                           else { arm0 is out },
//!                 ..
//!             } }).await
//!         } }
//!     };                                                            operands are dropped here
//!     match out { Out::Arm0(PATTERN0) => BODY0, .. }
//! }
//! ```
//!
//! Bodies are in no closure and in no loop of ours, so `return`, `break`, `continue`, `?` and
//! `.await` mean what they mean outside. Our own names have mixed-site hygiene: nothing of the
//! user's can collide with them.

use std::fmt::Write as _;

use proc_macro::{Group, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::select::{Arm, Op, Select};

/// Writes tokens: a template, whose `#n` are replaced by the n-th argument.
struct Writer<'a> {
    krate: &'a TokenStream,
}

impl Writer<'_> {
    /// `template` is Rust with `#0`, `#1`, .. for the arguments and `#c` for the private
    /// module of the crate. All other words are ours, at `span`.
    fn write(&self, span: Span, template: &str, args: &[&TokenStream]) -> TokenStream {
        let tokens: TokenStream = template.parse().expect("our templates are Rust");
        self.fill(span, tokens, args)
    }

    fn fill(&self, span: Span, tokens: TokenStream, args: &[&TokenStream]) -> TokenStream {
        let mut out = TokenStream::new();
        let mut tokens = tokens.into_iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    self.argument(span, tokens.next(), args, &mut out);
                }
                TokenTree::Group(group) => {
                    let inner = self.fill(span, group.stream(), args);
                    let mut group = Group::new(group.delimiter(), inner);
                    group.set_span(span);
                    out.extend([TokenTree::Group(group)]);
                }
                mut token => {
                    token.set_span(span);
                    out.extend([token]);
                }
            }
        }
        out
    }

    fn argument(
        &self,
        span: Span,
        which: Option<TokenTree>,
        args: &[&TokenStream],
        out: &mut TokenStream,
    ) {
        match which {
            Some(TokenTree::Literal(number)) => {
                let index: usize = number.to_string().parse().expect("a number");
                out.extend(args[index].clone());
            }
            Some(TokenTree::Ident(_)) => {
                out.extend(self.krate.clone());
                out.extend(self.fill(span, "::select::private".parse().expect("a path"), &[]));
            }
            // `#[..]` is an attribute.
            Some(TokenTree::Group(group)) => {
                let mut hash = Punct::new('#', Spacing::Alone);
                hash.set_span(span);
                out.extend([TokenTree::Punct(hash)]);
                out.extend(self.fill(span, TokenTree::Group(group).into(), args));
            }
            other => out.extend(other),
        }
    }
}

/// For names and glue: invisible to the user's tokens.
fn ours() -> Span {
    Span::mixed_site()
}

pub(crate) fn expand(select: &Select) -> TokenStream {
    let w = Writer {
        krate: &select.krate,
    };
    if select.arms.is_empty() {
        return without_arms(&w, select);
    }
    let count = select.arms.len();
    let kinds = declare(&w, &select.arms);
    let polling = poll(&w, select);
    let operands: TokenStream = select.arms.iter().map(|arm| operand(&w, arm)).collect();
    let conditions: TokenStream = select.arms.iter().map(|arm| on(&w, arm)).collect();
    let names = list(&w, count, "op{}, ");
    let out = out_enum(&w, select);
    let bodies = bodies(&w, select);
    w.write(
        ours(),
        "{
            #0
            let out = {
                #[allow(unused_imports)]
                use #c::{arrow_recv as __marmot_recv, arrow_send as __marmot_send};
                let on = [ #1 ];
                match ( #2 ) { ( #3 ) => {
                    #[allow(unused_imports)]
                    use #c::{ViaCase as _, ViaFuture as _, ViaOptionCase as _, ViaOptionFuture as _};
                    #4
                    #5
                } }
            };
            match out { #6 }
        }",
        &[&out, &conditions, &operands, &names, &kinds, &polling, &bodies],
    )
}

/// Only `default`, only `else`, or nothing at all.
fn without_arms(w: &Writer<'_>, select: &Select) -> TokenStream {
    match (&select.otherwise, &select.default) {
        (Some(body), _) | (None, Some(body)) => w.write(ours(), "{ #0 }", &[body]),
        (None, None) => w.write(ours(), "#c::forever().await", &[]),
    }
}

/// The same words for each arm, with its number for `{}`.
fn list(w: &Writer<'_>, count: usize, each: &str) -> TokenStream {
    let mut text = String::new();
    for n in 0..count {
        text.push_str(&each.replace("{}", &n.to_string()));
    }
    w.write(ours(), &text, &[])
}

/// Whether an arm takes part.
fn on(w: &Writer<'_>, arm: &Arm) -> TokenStream {
    match &arm.condition {
        Some(condition) => w.write(ours(), "#0 ,", &[condition]),
        None => w.write(ours(), "true,", &[]),
    }
}

fn operand(w: &Writer<'_>, arm: &Arm) -> TokenStream {
    // The arrows' functions note where they are called: at the user's tokens. (Called by a
    // path through `$crate`, errors in the operand would be told at the whole macro.)
    let span = ours().located_at(arm.span);
    match &arm.op {
        Op::Operand(operand) => w.write(ours(), "#0 ,", &[operand]),
        Op::ArrowRecv(rx) => w.write(span, "__marmot_recv(&(#0)),", &[rx]),
        Op::ArrowSend(tx, value) => w.write(span, "__marmot_send(&(#0), #1),", &[tx, value]),
    }
}

/// Makes an arm of each operand.
fn declare(w: &Writer<'_>, arms: &[Arm]) -> TokenStream {
    let mut out = TokenStream::new();
    for (n, arm) in arms.iter().enumerate() {
        // An operand that is none of what an arm can be is an error at its own place.
        let span = ours().located_at(arm.span);
        out.extend(w.write(
            span,
            &format!(
                "let kind{n} = (&&&&#c::Probe::of(&op{n})).kind();
                 let pinned{n} = #c::pin!(kind{n}.prepare(op{n}));
                 let mut arm{n} = kind{n}.arm(pinned{n}, on[{n}]);"
            ),
            &[],
        ));
    }
    out
}

fn out_enum(w: &Writer<'_>, select: &Select) -> TokenStream {
    let count = select.arms.len();
    let parameters = list(w, count, "A{}, ");
    let variants = list(w, count, "Arm{}(A{}), ");
    w.write(
        ours(),
        "#[allow(dead_code, clippy::large_enum_variant)]
         enum __MarmotSelect<#0> { #1 Default, Else }",
        &[&parameters, &variants],
    )
}

fn poll(w: &Writer<'_>, select: &Select) -> TokenStream {
    let count = select.arms.len();
    let arms = list(w, count, "&mut arm{}, ");
    let plain = list(w, count, "arm{}.is_plain() & ");
    let mut chosen = TokenStream::new();
    for (n, arm) in select.arms.iter().enumerate() {
        chosen.extend(check(w, n, arm));
    }
    let order = if select.biased { "Biased" } else { "Random" };
    let patience = if select.default.is_some() {
        "Default"
    } else {
        "Waits"
    };
    let all_out = match (&select.otherwise, &select.default) {
        (Some(_), _) => "return #c::Poll::Ready(__MarmotSelect::Else)",
        (None, Some(_)) => "return #c::Poll::Ready(__MarmotSelect::Default)",
        (None, None) => {
            "#c::panic!(\"all arms of the select! are disabled and there is no `else`\")"
        }
    };
    w.write(
        ours(),
        &format!(
            "let mut engine = #c::Engine::new(
                 #c::Order::{order}, #c::Patience::{patience}, #2 true);
             #c::poll_fn(|cx| loop {{
                 let arms: &mut [&mut dyn #c::Arm] = &mut [#0];
                 let chosen = match engine.poll(arms, cx) {{
                     #c::Poll::Ready(chosen) => chosen,
                     #c::Poll::Pending => return #c::Poll::Pending,
                 }};
                 match chosen {{
                     #1
                     #c::Chosen::Arm(_) => #c::unreachable!(),
                     #c::Chosen::Default => return #c::Poll::Ready(__MarmotSelect::Default),
                     #c::Chosen::AllOut => {all_out},
                 }}
             }}).await"
        ),
        &[&arms, &chosen, &plain],
    )
}

/// Whether the chosen arm's output fits its pattern; if not, it is out.
fn check(w: &Writer<'_>, n: usize, arm: &Arm) -> TokenStream {
    let fits = match &arm.op {
        Op::ArrowSend(..) => {
            let span = ours().located_at(arm.span);
            w.write(span, &format!("arm{n}.output().is_sent()"), &[])
        }
        _ => w.write(
            ours(),
            &format!(
                "{{ #[allow(unused_variables, unreachable_patterns, non_snake_case, clippy::all)]
                    let fits = match arm{n}.output() {{ #0 => true, _ => false }};
                    fits }}"
            ),
            &[&by_reference(arm.pattern.clone())],
        ),
    };
    let value = match &arm.op {
        Op::ArrowSend(..) => format!("{{ let _sent = arm{n}.take(); }}"),
        _ => format!("arm{n}.take()"),
    };
    w.write(
        ours(),
        &format!(
            "#c::Chosen::Arm({n}) => {{
                 if #0 {{ return #c::Poll::Ready(__MarmotSelect::Arm{n}({value})); }}
                 arm{n}.reject();
             }}"
        ),
        &[&fits],
    )
}

/// The pattern as it has to be to match a reference to the value: without `mut`, `ref` and
/// `&`. (Bindings of the check are never used.)
fn by_reference(pattern: TokenStream) -> TokenStream {
    pattern
        .into_iter()
        .filter(|token| match token {
            TokenTree::Ident(word) => !matches!(word.to_string().as_str(), "mut" | "ref"),
            TokenTree::Punct(punct) => punct.as_char() != '&',
            _ => true,
        })
        .map(|token| match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), by_reference(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token,
        })
        .collect()
}

fn bodies(w: &Writer<'_>, select: &Select) -> TokenStream {
    let mut out = TokenStream::new();
    let mut template = String::new();
    for (n, arm) in select.arms.iter().enumerate() {
        template.clear();
        let _ = write!(template, "__MarmotSelect::Arm{n}(#0) => #1,");
        out.extend(w.write(ours(), &template, &[&arm.pattern, &arm.body]));
    }
    for (name, body) in [("Default", &select.default), ("Else", &select.otherwise)] {
        if let Some(body) = body {
            template.clear();
            let _ = write!(template, "__MarmotSelect::{name} => #0,");
            out.extend(w.write(ours(), &template, &[body]));
        }
    }
    out.extend(w.write(
        ours(),
        "#[allow(unreachable_patterns)] _ => #c::unreachable!(),",
        &[],
    ));
    out
}
