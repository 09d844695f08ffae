; The rule of Bayes for one step: q(x_t | x_s) q(x_s | x_0) / q(x_t | x_0) with s = t - 1.
; a = sqrt(alpha_t), r = sqrt(alpha_bar_s); b, u, w are the variances of the three densities.  The
; posterior has mean M/w and variance V/w.  Both sides of "the exponents agree" (times -2) are
; multiplied by b u w V, which is positive, so that no division is left.
(set-logic QF_NRA)
(declare-const a Real)
(declare-const r Real)
(declare-const x_0 Real)
(declare-const x_s Real)
(declare-const x_t Real)
(define-fun b () Real (- 1 (* a a)))
(define-fun u () Real (- 1 (* r r)))
(define-fun w () Real (- 1 (* a a r r)))
(define-fun square ((x Real)) Real (* x x))
(define-fun M () Real (+ (* r b x_0) (* a u x_t)))
(define-fun V () Real (* b u))
(assert (< 0 a 1))
(assert (< 0 r 1))
; what is multiplied by is positive
(push 1)
(assert (not (and (> b 0) (> u 0) (> w 0) (> V 0))))
(check-sat)
(pop 1)
; the constants in front: b u = w (V/w)
(push 1)
(assert (not (= (* b u) V)))
(check-sat)
(pop 1)
; the exponents
(push 1)
(assert (not (= (- (+ (* (square (- x_t (* a x_s))) u w V)
                      (* (square (- x_s (* r x_0))) b w V))
                   (* (square (- x_t (* a r x_0))) b u V))
                (* (square (- (* w x_s) M)) b u))))
(check-sat)
(pop 1)
;@ witness (assert (and (= a (/ 1 2)) (= r (/ 1 2))))
;@ wrong no root of alpha
;@ (define-fun M () Real (+ (* r b x_0) (* a a u x_t)))
;@ (assert (and (= a (/ 1 2)) (= r (/ 1 2)) (= x_0 0) (= x_s 0) (= x_t 1)))
;@ wrong no root of alpha_bar
;@ (define-fun M () Real (+ (* r r b x_0) (* a u x_t)))
;@ (assert (and (= a (/ 1 2)) (= r (/ 1 2)) (= x_0 1) (= x_s 0) (= x_t 1)))
;@ wrong beta for beta_tilde
;@ (define-fun V () Real (* b w))
;@ (assert (and (= a (/ 1 2)) (= r (/ 1 2)) (= x_0 0) (= x_s 1) (= x_t 0)))
