; The bound splits into one term a step, for every T, by induction.  All are logarithms of
; densities.  chain = sum over t of log q(x_t | x_{t-1}) - log p(x_{t-1} | x_t);
; m = log q(x_T | x_0);
; terms = sum from t = 2 of log q(x_{t-1} | x_t, x_0) - log p(x_{t-1} | x_t);
; p_1 = log p(x_0 | x_1), prior = log p(x_T).
(set-logic QF_LRA)
(declare-const chain Real)
(declare-const m Real)
(declare-const terms Real)
(declare-const p_1 Real)
(declare-const prior Real)
(declare-const q Real)
(declare-const posterior Real)
(declare-const m_next Real)
(declare-const p Real)
(define-fun claimed ((last Real) (sum Real)) Real (- (+ last sum) p_1))
; T = 1: q(x_1 | x_0) is the marginal, and there are no terms
(push 1)
(assert (= chain (- m p_1)))
(assert (= terms 0))
(assert (not (= chain (claimed m terms))))
(check-sat)
(pop 1)
; from T to T + 1, the rule of Bayes: q(x_{t+1} | x_t) q(x_t | x_0) = posterior q(x_{t+1} | x_0)
(push 1)
(assert (= (+ q m) (+ posterior m_next)))
(assert (= chain (claimed m terms)))
(assert (not (= (- (+ chain q) p) (claimed m_next (- (+ terms posterior) p)))))
(check-sat)
(pop 1)
; minus the logarithm of p(x_{0:T}) / q(x_{1:T} | x_0) is L_T, the terms and L_0
(push 1)
(assert (= chain (claimed m terms)))
(assert (not (= (- chain prior) (+ (- m prior) terms (- p_1)))))
(check-sat)
(pop 1)
;@ witness (assert (and (= m 1) (= terms 0) (= p_1 2) (= chain (- 1)) (= q 0)
;@   (= posterior 1) (= m_next 0)))
;@ wrong no term for x_T
;@ (define-fun claimed ((last Real) (sum Real)) Real (- sum p_1))
;@ (assert (and (= m 1) (= terms 0) (= p_1 2) (= chain (- 1))))
;@ wrong the sign of the terms
;@ (define-fun claimed ((last Real) (sum Real)) Real (- last sum p_1))
;@ (assert (and (= m 1) (= terms 1) (= p_1 2) (= chain (- 2)) (= q 0) (= posterior 1)
;@   (= m_next 0) (= p 0)))
